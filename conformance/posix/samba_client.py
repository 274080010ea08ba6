"""The same from Samba's own client: run by the Python that has Samba's bindings, 4.22 or newer, by `run.py`.

    python3 conformance/posix/samba_client.py HOST USER PASSWORD FOLDER STATE

FOLDER is what the share `data` serves, STATE an empty folder for what the client keeps. Exit code 2: bindings without
POSIX extensions, or none. It knows only port 445.
"""

import os
import stat
import sys
from typing import Any, Final, TypeAlias

Untyped: TypeAlias = Any  # the bindings are written in C and have no types

try:
    from samba import NTSTATUSError, credentials, ntstatus
    from samba.dcerpc import security, smb3posix
    from samba.ndr import ndr_unpack
    from samba.samba3 import libsmb_samba_internal as libsmb
    from samba.samba3 import param

    TAG: Final[Untyped] = libsmb.SMB2_CREATE_TAG_POSIX
    CLASS: Final[Untyped] = libsmb.SMB2_FIND_POSIX_INFORMATION
except (ImportError, AttributeError):
    sys.exit(2)

# Its client of 4.22 takes a backslash in a listing for an attack; newer ones do not.
NAMES: Final = ("a ", "a  ", ". ", ".  ", "a.", ".a", ">", "<?", "a:b", "makefile", "Makefile")


def _is(what: str, found: object, expected: object) -> None:
    if found != expected:
        sys.exit(f"{what}: {found!r}, expected {expected!r}")


def _context(mode: int) -> list[tuple[Untyped, bytes]]:
    return [(TAG, mode.to_bytes(4, "little"))]


def _refused(what: str, code: int, call: Untyped) -> None:
    try:
        call()
    except NTSTATUSError as error:
        _is(what, error.args[0], code)
    else:
        sys.exit(f"{what}: was not refused")


def main(host: str, user: str, password: str, folder: str, state: str) -> None:
    """Everything in one go; ends the program at the first difference."""
    configuration = os.path.join(state, "smb.conf")
    with open(configuration, "w") as file:
        file.write("[global]\nworkgroup = WORKGROUP\nnetbios name = CLIENT\n")
        file.writelines(f"{kind} = {state}\n" for kind in ("lock directory", "state directory", "cache directory"))
        file.write(f"private dir = {state}\n")
    lp = param.get_context()
    lp.load(configuration)
    creds = credentials.Credentials()
    creds.guess(lp)
    creds.set_domain("WORKGROUP")
    creds.set_username(user)
    creds.set_password(password)

    def connected(posix: bool, **more: Untyped) -> Untyped:
        return libsmb.Conn(host, "data", lp, creds, posix=posix, **more)

    client, windows = connected(True), connected(False)
    _is("negotiated", (client.have_posix(), windows.have_posix()), (True, False))
    _is("another kind", connected(False, negotiate_contexts=[(0x100, bytes(16))]).have_posix(), False)
    _refused(
        "no kind",
        ntstatus.NT_STATUS_INVALID_PARAMETER,
        lambda: connected(False, negotiate_contexts=[(0x100, bytes(5))]),
    )
    _names(client, folder)
    _modes(client, folder)
    _removing(client, windows, folder)
    _is("the size of a block", client.get_posix_fs_info()["block_size"], os.statvfs(folder).f_frsize)
    _refused("statfs without POSIX", ntstatus.NT_STATUS_INVALID_INFO_CLASS, windows.get_posix_fs_info)


def _names(client: Untyped, folder: str) -> None:
    for name in NAMES:
        handle, _, _ = client.create_ex(
            f"\\{name}",
            CreateDisposition=libsmb.FILE_CREATE,
            DesiredAccess=security.SEC_FILE_READ_ATTRIBUTE,
            CreateContexts=_context(0o644),
        )
        client.close(handle)
    _is("on the disk", sorted(os.listdir(folder)), sorted(NAMES))
    found = {entry["name"]: entry for entry in client.list("", info_level=CLASS)}
    _is("in the listing", sorted(found), sorted([".", "..", *NAMES]))
    _is("above the root", (found[".."]["ino"], found[".."]["owner_sid"]), (0, "S-1-0-0"))
    for name in NAMES:
        _remove(client, name)
    _is("after removing", os.listdir(folder), [])


def _remove(client: Untyped, name: str) -> None:
    handle, _, _ = client.create_ex(
        f"\\{name}",
        CreateDisposition=libsmb.FILE_OPEN,
        DesiredAccess=security.SEC_STD_DELETE,
        CreateContexts=_context(0o600),
    )
    client.delete_on_close(handle, True)
    client.close(handle)


def _modes(client: Untyped, folder: str) -> None:
    for mode in (0o644, 0o755, 0o600, 0o1777, 0o751):
        for name, options in ((f"file{mode:o}", 0), (f"folder{mode:o}", libsmb.FILE_DIRECTORY_FILE)):
            handle, _, contexts = client.create_ex(
                f"\\{name}",
                DesiredAccess=security.SEC_STD_ALL,
                CreateDisposition=libsmb.FILE_CREATE,
                CreateOptions=options,
                CreateContexts=_context(mode),
            )
            client.close(handle)
            facts = ndr_unpack(smb3posix.smb3_posix_cc_info, contexts[0][1])
            state = os.stat(os.path.join(folder, name))
            kind = stat.S_IFDIR if options else stat.S_IFREG
            _is(f"the mode of {name}", (facts.posix_mode & 0o7777, state.st_mode), (mode, kind | mode))
            _is("its owner", (str(facts.owner), facts.nlinks), (f"S-1-22-1-{state.st_uid}", state.st_nlink))
            entry = next(each for each in client.list("", info_level=CLASS) if each["name"] == name)
            _is("as listed", (entry["perms"], entry["ino"]), (state.st_mode, state.st_ino))
            _remove(client, name)


def _removing(client: Untyped, windows: Untyped, folder: str) -> None:
    """A file that two have open goes when the one of Windows lets go; one that is READONLY goes as well."""
    windows_handle = windows.create(
        "shared",
        DesiredAccess=security.SEC_FILE_WRITE_ATTRIBUTE | security.SEC_STD_DELETE,
        ShareAccess=7,
        CreateDisposition=libsmb.FILE_CREATE,
    )
    handle, _, _ = client.create_ex(
        "\\shared",
        DesiredAccess=security.SEC_FILE_WRITE_ATTRIBUTE | security.SEC_STD_DELETE,
        ShareAccess=7,
        CreateDisposition=libsmb.FILE_OPEN,
        CreateContexts=_context(0o600),
    )
    windows.delete_on_close(windows_handle, True)
    client.delete_on_close(handle, True)
    windows.close(windows_handle)
    _is("an open file", os.listdir(folder), [])
    client.close(handle)
    made, _, _ = windows.create_ex(
        "\\read-only",
        DesiredAccess=security.SEC_STD_ALL,
        CreateDisposition=libsmb.FILE_CREATE,
        FileAttributes=libsmb.FILE_ATTRIBUTE_READONLY,
    )
    windows.close(made)
    _remove(client, "read-only")
    _is("a READONLY file", os.listdir(folder), [])


if __name__ == "__main__":
    main(*sys.argv[1:])
