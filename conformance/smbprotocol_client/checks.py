"""What the server must do for smbprotocol, one function for each topic."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from smbprotocol.connection import Capabilities
from smbprotocol.exceptions import (
    AccessDenied,
    BadNetworkName,
    DirectoryNotEmpty,
    EndOfFile,
    FileClosed,
    FileIsADirectory,
    LogonFailure,
    NoMoreFiles,
    NoSuchFile,
    ObjectNameCollision,
    ObjectNameNotFound,
    ObjectPathNotFound,
    SharingViolation,
    SMBResponseException,
    StatusNotADirectory,
)
from smbprotocol.file_info import (
    FileAttributes,
    FileBasicInformation,
    FileDispositionInformation,
    FileEndOfFileInformation,
    FileFsFullSizeInformation,
    FileInformationClass,
    FileInternalInformation,
    FileRenameInformation,
    FileStandardInformation,
)
from smbprotocol.open import (
    CreateAction,
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    Open,
    QueryDirectoryFlags,
    SMB2QueryInfoRequest,
    SMB2QueryInfoResponse,
    SMB2SetInfoRequest,
)
from smbprotocol.structure import Structure
from smbprotocol.tree import TreeConnect

from conformance.smbprotocol_client.connecting import (
    Target,
    connect_tree,
    connected,
    login,
    open_file,
    open_folder,
    tree,
)

MIB: Final = 1 << 20
# Dialects from 2.1 on charge one credit for each 64 KiB ([MS-SMB2] 3.1.5.2).
CREDIT_SIZE: Final = 1 << 16
CREDITS: Final = 64
ENTRIES: Final = 300
SMALL_BUFFER: Final = 4096
# [MS-DTYP] 2.3.3: 100 ns units since 1601
FILETIME_OF_UNIX_EPOCH: Final = 11_644_473_600
FILETIME_PER_SECOND: Final = 10_000_000
STATUS_MEDIA_WRITE_PROTECTED: Final = 0xC00000A2


class CheckFailed(Exception):
    """The server's answer is wrong; the text has the expected and the real one."""


def equal(what: str, real: object, expected: object) -> None:
    """Raise CheckFailed unless both are equal."""
    if real != expected:
        shown = [repr(value) if len(repr(value)) < 200 else repr(value)[:200] + "..." for value in (expected, real)]
        raise CheckFailed(f"{what}: expected {shown[0]}, came {shown[1]}")


def true(what: str, condition: bool) -> None:
    """Raise CheckFailed unless the condition holds."""
    if not condition:
        raise CheckFailed(what)


def refused(what: str, error: type[SMBResponseException], action: Callable[[], object]) -> None:
    """Raise CheckFailed unless the action is answered with exactly that status."""
    try:
        action()
    except error:
        return
    except SMBResponseException as other:
        raise CheckFailed(f"{what}: expected {error.__name__}, came {other}") from other
    raise CheckFailed(f"{what}: expected {error.__name__}, but it succeeded")


def query(opened: Open, information: type[Structure]) -> Structure:
    """QUERY_INFO for one information class of smbprotocol's."""
    request = SMB2QueryInfoRequest()
    request["info_type"] = information.INFO_TYPE
    request["file_info_class"] = information.INFO_CLASS
    request["output_buffer_length"] = 1024
    request["file_id"] = opened.file_id
    response = SMB2QueryInfoResponse()
    response.unpack(_exchange(opened, request))
    return response.parse_buffer(information)


def set_information(opened: Open, information: Structure) -> None:
    """SET_INFO with one of smbprotocol's information structures."""
    request = SMB2SetInfoRequest()
    request["info_type"] = information.INFO_TYPE
    request["file_info_class"] = information.INFO_CLASS
    request["file_id"] = opened.file_id
    request["buffer"] = information
    _exchange(opened, request)


def rename(opened: Open, name: str, *, replace: bool = False) -> None:
    """Rename an open file to a path in the share."""
    information = FileRenameInformation()
    information["replace_if_exists"] = replace
    information["file_name"] = name
    set_information(opened, information)


def mark_deleted(opened: Open) -> None:
    """Set delete-pending on an open file."""
    information = FileDispositionInformation()
    information["delete_pending"] = True
    set_information(opened, information)


def _exchange(opened: Open, request: Structure) -> bytes:
    found = opened.tree_connect
    sent = opened.connection.send(request, found.session.session_id, found.tree_connect_id)
    return bytes(opened.connection.receive(sent)["data"].get_value())


def negotiate(target: Target) -> None:
    """Dialect, sizes, capabilities; a refused login and share leave the connection usable."""
    with connected(target) as connection:
        equal("dialect", connection.dialect, target.mode.dialect_number)
        old = target.mode.dialect == "2.0.2"
        for name in ("max_transact_size", "max_read_size", "max_write_size"):
            size = getattr(connection, name)
            true(f"{name} {size} is below 64 KiB", size >= CREDIT_SIZE)
            if old:
                equal(f"{name} in 2.0.2", size, CREDIT_SIZE)
        equal("multi-credit", bool(connection.supports_multi_credit), not old)
        true("the server GUID is zero", connection.server_guid.int != 0)
        if target.mode.dialect in ("3.0", "3.0.2"):
            offered = connection.server_capabilities.has_flag(Capabilities.SMB2_GLOBAL_CAP_ENCRYPTION)
            true("encryption is not offered", offered)
        if target.mode.dialect == "3.1.1":
            true("no cipher was chosen", connection.cipher_id is not None)
    with connected(target) as connection:
        refused("wrong password", LogonFailure, lambda: login(target, connection, "wrong"))
    with connected(target) as connection:
        session = login(target, connection)
        missing = TreeConnect(session, f"\\\\{target.server.host}\\no-such-share")
        refused("unknown share", BadNetworkName, lambda: connect_tree(missing))
        connect_tree(TreeConnect(session, f"\\\\{target.server.host}\\data"))


def create(target: Target) -> None:
    """Every disposition, and the refusals of CREATE."""
    with tree(target) as found:
        name = target.remote("file")
        made = open_file(found, name, CreateDisposition.FILE_CREATE)
        made.write(b"content", 0)
        equal("size after CLOSE", _closed_size(made), 7)
        refused("READ of a closed file", FileClosed, lambda: made.read(0, 1))
        actions = (
            (CreateDisposition.FILE_OPEN, CreateAction.FILE_OPENED, 7),
            (CreateDisposition.FILE_OPEN_IF, CreateAction.FILE_OPENED, 7),
            (CreateDisposition.FILE_OVERWRITE, CreateAction.FILE_OVERWRITTEN, 0),
            (CreateDisposition.FILE_OVERWRITE_IF, CreateAction.FILE_OVERWRITTEN, 0),
            (CreateDisposition.FILE_SUPERSEDE, CreateAction.FILE_SUPERSEDED, 0),
        )
        for disposition, action, size in actions:
            target.local("file").write_bytes(b"content")
            real_action, real_size = _create(found, name, disposition)
            equal(f"CreateAction of disposition {disposition}", real_action, action)
            equal(f"EndOfFile of disposition {disposition}", real_size, size)
            equal(f"size on disk of disposition {disposition}", target.local("file").stat().st_size, size)
        fresh = _create(found, target.remote("fresh"), CreateDisposition.FILE_OPEN_IF)
        equal("CreateAction of FILE_OPEN_IF for a new file", fresh, (CreateAction.FILE_CREATED, 0))
        open_folder(found, target.remote("folder"), CreateDisposition.FILE_CREATE).close()
        true("the folder is not on the disk", target.local("folder").is_dir())
        missing = target.remote("missing")
        refusals: Sequence[tuple[type[SMBResponseException], Callable[[], object]]] = (
            (ObjectNameCollision, lambda: open_file(found, name, CreateDisposition.FILE_CREATE)),
            (ObjectNameNotFound, lambda: open_file(found, missing)),
            (ObjectNameNotFound, lambda: open_file(found, missing, CreateDisposition.FILE_OVERWRITE)),
            (ObjectPathNotFound, lambda: open_file(found, f"{missing}\\file")),
            (StatusNotADirectory, lambda: open_folder(found, name)),
            (FileIsADirectory, lambda: open_file(found, target.remote("folder"))),
        )
        for number, (error, action) in enumerate(refusals):
            refused(f"refusal {number}", error, action)
        true("a refused CREATE made something", not target.local("missing").exists())


def share_modes(target: Target) -> None:
    """An open that shares nothing keeps others out, until it is closed; delete on close."""
    name = target.remote("file")
    with tree(target) as first, tree(target) as second:
        owner = open_file(first, name, CreateDisposition.FILE_CREATE, share_access=0)
        refused("open of an unshared file", SharingViolation, lambda: open_file(second, name))
        owner.close()
        options = CreateOptions.FILE_NON_DIRECTORY_FILE | CreateOptions.FILE_DELETE_ON_CLOSE
        last = open_file(second, name, options=options)
        true("deleted before the close", target.local("file").exists())
        last.close()
        true("not deleted on close", not target.local("file").exists())


def read_write(target: Target) -> None:
    """Writes at offsets, holes, reads across the end, FLUSH; the disk has the same bytes."""
    with tree(target) as found:
        opened = open_file(found, target.remote("file"), CreateDisposition.FILE_CREATE)
        expected = bytearray(100_000)
        for offset, data in ((0, b"start"), (99_990, b"0123456789"), (3, os.urandom(70_000)), (65_535, b"xy")):
            for part in range(0, len(data), CREDIT_SIZE):
                piece = data[part : part + CREDIT_SIZE]
                equal("Count of WRITE", opened.write(piece, offset + part), len(piece))
            expected[offset : offset + len(data)] = data
        opened.flush()
        equal("bytes on the disk", target.local("file").read_bytes(), bytes(expected))
        equal("READ in the middle", opened.read(65_530, 100), bytes(expected[65_530:65_630]))
        equal("READ across the end", opened.read(99_995, 1000), bytes(expected[99_995:]))
        refused("READ at the end", EndOfFile, lambda: opened.read(100_000, 1))
        refused("READ with a MinimumCount", EndOfFile, lambda: opened.read(99_995, 100, min_length=6))
        opened.close()
        reader = open_file(found, target.remote("file"), access=FilePipePrinterAccessMask.GENERIC_READ)
        refused("WRITE without the access", AccessDenied, lambda: reader.write(b"no", 0))
        reader.close()
        equal("bytes after the refused WRITE", target.local("file").read_bytes(), bytes(expected))


def large_io(target: Target) -> None:
    """1 MiB + 1 byte and more in single requests of many credits (64 KiB ones in 2.0.2)."""
    data = os.urandom(3 * MIB + 1)
    with tree(target) as found:
        connection = found.session.connection
        connection.echo(sid=found.session.session_id, credit_request=CREDITS)
        opened = open_file(found, target.remote("file"), CreateDisposition.FILE_CREATE)
        step = min(connection.max_write_size, connection.max_read_size, MIB + 1)
        if target.mode.dialect != "2.0.2":
            true(f"no request of more than 64 KiB is allowed: {step}", step > CREDIT_SIZE)
        for offset in range(0, len(data), step):
            piece = data[offset : offset + step]
            equal("Count of WRITE", opened.write(piece, offset), len(piece))
        true("other bytes on the disk", target.local("file").read_bytes() == data)
        back = b"".join(opened.read(offset, step) for offset in range(0, len(data), step))
        true("other bytes came back", back == data)
        opened.close()


def query_info(target: Target) -> None:
    """FileStandard, FileBasic, FileInternal and FileFsFullSize information against the disk."""
    target.local("file").write_bytes(bytes(12_345))
    os.utime(target.local("file"), (1_000_000_000, 1_100_000_000))
    with tree(target) as found:
        opened = open_file(found, target.remote("file"))
        standard = query(opened, FileStandardInformation)
        equal("EndOfFile", standard["end_of_file"].get_value(), 12_345)
        true("AllocationSize is below the size", standard["allocation_size"].get_value() >= 12_345)
        equal("Directory", standard["directory"].get_value(), False)
        equal("DeletePending", standard["delete_pending"].get_value(), False)
        equal("NumberOfLinks", standard["number_of_links"].get_value(), 1)
        basic = query(opened, FileBasicInformation)
        written = (1_100_000_000 + FILETIME_OF_UNIX_EPOCH) * FILETIME_PER_SECOND
        equal("LastWriteTime", basic["last_write_time"].get_value(), written)
        index = query(opened, FileInternalInformation)["index_number"].get_value()
        opened.close()
        again = open_file(found, target.remote("file"))
        equal("IndexNumber of a second open", query(again, FileInternalInformation)["index_number"].get_value(), index)
        sizes = query(again, FileFsFullSizeInformation)
        unit = sizes["sectors_per_unit"].get_value() * sizes["bytes_per_sector"].get_value()
        disk = os.statvfs(target.local())
        equal("size of the volume", sizes["total_allocation_units"].get_value() * unit, disk.f_blocks * disk.f_frsize)
        again.close()
        folder = open_folder(found, target.remote(""))
        equal("Directory of a folder", query(folder, FileStandardInformation)["directory"].get_value(), True)
        folder.close()


def query_directory(target: Target) -> None:
    """Every entry once over many small answers, in several information classes; patterns; restart."""
    names = {f"entry-{number:03d}" for number in range(ENTRIES)}
    for number, name in enumerate(sorted(names)):
        target.local(name).write_bytes(bytes(number))
    classes = (
        FileInformationClass.FILE_NAMES_INFORMATION,
        FileInformationClass.FILE_DIRECTORY_INFORMATION,
        FileInformationClass.FILE_FULL_DIRECTORY_INFORMATION,
        FileInformationClass.FILE_BOTH_DIRECTORY_INFORMATION,
        FileInformationClass.FILE_ID_FULL_DIRECTORY_INFORMATION,
        FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION,
    )
    with tree(target) as found:
        for information_class in classes:
            folder = open_folder(found, target.remote(""))
            entries = _entries(folder, "*", information_class)
            listed = [_name(entry) for entry in entries]
            equal(f"names in class {information_class}", sorted(listed), sorted([*names, ".", ".."]))
            if information_class != FileInformationClass.FILE_NAMES_INFORMATION:
                sizes = {_name(e): e["end_of_file"].get_value() for e in entries if _name(e) in names}
                equal(f"sizes in class {information_class}", sizes, {n: i for i, n in enumerate(sorted(names))})
            folder.close()
        folder = open_folder(found, target.remote(""))
        names_only = FileInformationClass.FILE_NAMES_INFORMATION
        equal("names of a pattern", sorted(map(_name, _entries(folder, "ENTRY-00?", names_only))), sorted(names)[:10])
        restart = QueryDirectoryFlags.SMB2_RESTART_SCANS
        first = folder.query_directory("entry-29*", names_only, flags=restart)
        equal("names after a restart", sorted(map(_name, first)), sorted(names)[290:])
        folder.close()
        folder = open_folder(found, target.remote(""))
        refused("a pattern without a match", NoSuchFile, lambda: folder.query_directory("none*", names_only))
        folder.close()


def set_info(target: Target) -> None:
    """Rename, end of file, times and attributes, delete-pending, and their refusals."""
    with tree(target) as found:
        opened = open_file(found, target.remote("old"), CreateDisposition.FILE_CREATE)
        opened.write(b"0123456789", 0)
        target.local("taken").write_bytes(b"taken")
        refused("rename onto a file", ObjectNameCollision, lambda: rename(opened, target.remote("taken")))
        refused("rename into nothing", ObjectPathNotFound, lambda: rename(opened, target.remote("none\\new")))
        rename(opened, target.remote("new"))
        true("not renamed on the disk", target.local("new").exists() and not target.local("old").exists())
        end = FileEndOfFileInformation()
        end["end_of_file"] = 4
        set_information(opened, end)
        equal("bytes after the cut", target.local("new").read_bytes(), b"0123")
        end["end_of_file"] = 8
        set_information(opened, end)
        equal("bytes after growing", opened.read(0, 100), b"0123" + bytes(4))
        times = FileBasicInformation()
        times["file_attributes"] = FileAttributes.FILE_ATTRIBUTE_HIDDEN
        set_information(opened, times)
        real = query(opened, FileBasicInformation)["file_attributes"].get_value()
        equal("attributes", real, FileAttributes.FILE_ATTRIBUTE_HIDDEN)
        rename(opened, target.remote("taken"), replace=True)
        opened.close()
        equal("bytes of the replaced file", target.local("taken").read_bytes(), b"0123" + bytes(4))
        doomed = open_file(found, target.remote("taken"))
        mark_deleted(doomed)
        equal("DeletePending", query(doomed, FileStandardInformation)["delete_pending"].get_value(), True)
        doomed.close()
        true("not deleted", not target.local("taken").exists())
        target.local("full").mkdir()
        target.local("full").chmod(0o777)
        target.local("full/inner").write_bytes(b"")
        folder = open_folder(found, target.remote("full"))
        refused("delete of a full folder", DirectoryNotEmpty, lambda: mark_deleted(folder))
        folder.close()
        true("the full folder is gone", target.local("full/inner").exists())


def compound(target: Target) -> None:
    """CREATE, WRITE, READ, CLOSE as related requests; a failed CREATE fails those that depend on it."""
    with tree(target) as found:
        connection = found.session.connection
        ids = {"sid": found.session.session_id, "tid": found.tree_connect_id}
        connection.echo(sid=ids["sid"], credit_request=CREDITS)
        opened = Open(found, target.remote("file"))
        steps = [
            opened.create(*_create_arguments(CreateDisposition.FILE_CREATE), send=False),
            opened.write(b"compounded", 0, send=False),
            opened.read(2, 4, send=False),
            opened.close(get_attributes=True, send=False),
        ]
        sent = connection.send_compound([message for message, _ in steps], **ids, related=True)
        answers = [receive(request) for (_, receive), request in zip(steps, sent, strict=True)]
        equal("WRITE and READ of the compound", answers[1:3], [10, b"mpou"])
        equal("EndOfFile of the CLOSE", answers[3]["end_of_file"].get_value(), 10)
        equal("bytes on the disk", target.local("file").read_bytes(), b"compounded")
        absent = Open(found, target.remote("absent"))
        steps = [
            absent.create(*_create_arguments(CreateDisposition.FILE_OPEN), send=False),
            absent.read(0, 4, send=False),
            absent.close(send=False),
        ]
        sent = connection.send_compound([message for message, _ in steps], **ids, related=True)
        for number, ((_, receive), request) in enumerate(zip(steps, sent, strict=True)):
            refused(f"member {number} after a failed CREATE", ObjectNameNotFound, partial(receive, request))
        equal("credits after an ECHO", connection.echo(sid=ids["sid"]) >= 1, True)


def credits_and_echo(target: Target) -> None:
    """ECHO grants credits; then many READs at once, each answered with its own bytes."""
    target.local("file").write_bytes(b"".join(number.to_bytes(4, "big") * 256 for number in range(CREDITS)))
    with tree(target) as found:
        connection = found.session.connection
        granted = connection.echo(sid=found.session.session_id, credit_request=CREDITS)
        true(f"asked for {CREDITS} credits, {granted} granted", 1 <= granted <= CREDITS)
        for _ in range(CREDITS):
            if connection.sequence_window["high"] - connection.sequence_window["low"] >= CREDITS:
                break
            connection.echo(sid=found.session.session_id, credit_request=CREDITS)
        opened = open_file(found, target.remote("file"))
        window = connection.sequence_window["high"] - connection.sequence_window["low"]
        true(f"only {window} credits after many requests for {CREDITS}", window >= CREDITS // 2)
        sent = []
        for number in range(CREDITS // 2):
            message, receive = opened.read(number * 1024, 1024, send=False)
            request = connection.send(message, found.session.session_id, found.tree_connect_id)
            sent.append((number, receive, request))
        for number, receive, request in reversed(sent):
            equal(f"READ {number} of many", receive(request), number.to_bytes(4, "big") * 256)
        opened.close()


def read_only(target: Target) -> None:
    """On the share `ro`: reads work, a CREATE that could change something is refused."""
    folder = target.server.shares["ro"] / target.folder
    (folder / "file").write_bytes(b"content")
    with tree(target, "ro") as found:
        opened = open_file(found, target.remote("file"), access=FilePipePrinterAccessMask.GENERIC_READ)
        equal("READ", opened.read(0, 100), b"content")
        opened.close()
        _write_refused("CREATE of a new file", found, target.remote("new"), CreateDisposition.FILE_CREATE)
        _write_refused("CREATE for writing", found, target.remote("file"), CreateDisposition.FILE_OPEN)
        _write_refused("overwriting", found, target.remote("file"), CreateDisposition.FILE_OVERWRITE_IF)
    equal("names on the disk", [path.name for path in Path(folder).iterdir()], ["file"])
    equal("bytes on the disk", (folder / "file").read_bytes(), b"content")


def _write_refused(what: str, found: TreeConnect, name: str, disposition: int) -> None:
    try:
        open_file(found, name, disposition)
    except SMBResponseException as error:
        if isinstance(error, AccessDenied) or error.status == STATUS_MEDIA_WRITE_PROTECTED:
            return
        raise CheckFailed(f"{what}: expected AccessDenied, came {error}") from error
    raise CheckFailed(f"{what}: succeeded on a read-only share")


def _create_arguments(disposition: int) -> tuple[int, int, int, int, int, int]:
    access = FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE
    return 2, access, 0, 7, disposition, CreateOptions.FILE_NON_DIRECTORY_FILE


def _create(found: TreeConnect, name: str, disposition: int) -> tuple[int, int]:
    """CreateAction and EndOfFile of the CREATE response; the file is closed again."""
    opened = Open(found, name)
    message, receive = opened.create(*_create_arguments(disposition), send=False)
    request = found.session.connection.send(message, found.session.session_id, found.tree_connect_id)
    receive(request)
    opened.close()
    # The library keeps the size but not the action: both stand at fixed places ([MS-SMB2] 2.2.14).
    body = bytes(request.response["data"].get_value())
    return int.from_bytes(body[4:8], "little"), int.from_bytes(body[48:56], "little")


def _closed_size(opened: Open) -> int:
    opened.close(get_attributes=True)
    return int(opened.end_of_file)


def _entries(folder: Open, pattern: str, information_class: int) -> list[Structure]:
    """All entries, asked for in answers of `SMALL_BUFFER` bytes."""
    found: list[Structure] = []
    while True:
        try:
            found += folder.query_directory(pattern, information_class, max_output=SMALL_BUFFER)
        except NoMoreFiles:
            return found


def _name(entry: Structure) -> str:
    value = entry["file_name"].get_value()
    return value if isinstance(value, str) else bytes(value).decode("utf-16-le")


CHECKS: Final[dict[str, Callable[[Target], None]]] = {
    "negotiate": negotiate,
    "create": create,
    "share-modes": share_modes,
    "read-write": read_write,
    "large-io": large_io,
    "query-info": query_info,
    "query-directory": query_directory,
    "set-info": set_info,
    "compound": compound,
    "credits-and-echo": credits_and_echo,
    "read-only": read_only,
}
