"""Reads a tree back through the library smbprotocol, and compares it with the model.

The library makes every request and takes every reply apart. Two things it cannot express: it encodes names strictly, so
a path with lone surrogates encodes itself (`Spelling`); and its times end at microseconds and its texts at valid
UTF-16, so the buffers of listings, FileBasicInformation and FileStreamInformation are read here.
"""

import struct
from collections.abc import Iterable
from typing import Final

from smbprotocol.exceptions import NoMoreFiles, SMBResponseException
from smbprotocol.file_info import FileFullEaInformation, FileInformationClass, InfoType
from smbprotocol.ioctl import SMB2IOCTLRequest, SMB2IOCTLResponse
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    Open,
    SMB2QueryDirectoryResponse,
    SMB2QueryInfoRequest,
    SMB2QueryInfoResponse,
)
from smbprotocol.structure import Structure
from smbprotocol.tree import TreeConnect

from conformance.client import queries
from conformance.smbprotocol_client.connecting import open_file
from conformance.trees.tree import BLOCK, Node, Tree, children, path_of

STREAMS: Final = 22
DACL: Final = 4
QUERY_ALLOCATED_RANGES: Final = 0x000940CF
NO_EAS_ON_FILE: Final = 0xC0000052
ROOM: Final = 65536


class Different(Exception):
    """What came back is not what was written."""


class Spelling(str):
    """A path that the library can encode although it has lone surrogates."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """As str does it, with lone surrogates as they are."""
        return super().encode(encoding, "surrogatepass" if errors == "strict" else errors)


def same(what: str, written: object, shown: object) -> None:
    """Raises Different unless the two are equal."""
    if written != shown:
        texts = [text if len(text := ascii(value)) < 500 else text[:500] + "..." for value in (written, shown)]
        raise Different(f"{what}: written {texts[0]}, shown {texts[1]}")


def read_tree(share: TreeConnect, tree: Tree, folder: str) -> None:
    """Everything of everything. Raises Different, and what the library raises for a refusal."""
    _read_directory(share, tree, -1, folder)


def _read_directory(share: TreeConnect, tree: Tree, parent: int, folder: str) -> None:
    """A directory's own times are looked at before this: to list it is an access."""
    listing = _open(share, path_of(tree, parent, folder), CreateOptions.FILE_DIRECTORY_FILE)
    entries = {entry.name: entry for entry in _entries(listing) if entry.name not in (".", "..")}
    listing.close()
    nodes = {tree[index].shown_name: index for index in children(tree, parent)}
    same(f"names in {path_of(tree, parent, folder)!a}", sorted(nodes), sorted(entries))
    for name, index in nodes.items():
        node, path = tree[index], path_of(tree, index, folder)
        label = ascii(path)
        entry = entries[name]
        same(f"times in the listing of {label}", node.times, entry[1:5])
        same(f"attributes in the listing of {label}", hex(node.shown_attributes), hex(entry.attributes))
        same(f"EaSize in the listing of {label}", node.ea_size, entry.ea_size)
        if not node.is_directory:
            same(f"size in the listing of {label}", node.size, entry.end_of_file)
        opened = _open(share, path, CreateOptions.FILE_DIRECTORY_FILE if node.is_directory else 0)
        _read_node(opened, node, label)
        opened.close()
        for stream, piece in node.streams:
            opened = _open(share, f"{path}:{stream}")
            same(f"stream {stream!a} of {label}", piece.data, _read(opened, piece.length))
            opened.close()
        if node.is_directory:
            _read_directory(share, tree, index, folder)


def _read_node(opened: Open, node: Node, label: str) -> None:
    *times, attributes, _ = struct.unpack("<4QII", _query(opened, InfoType.SMB2_0_INFO_FILE, queries.FILE_BASIC))
    same(f"times of {label}", node.times, tuple(times))
    same(f"attributes of {label}", hex(node.shown_attributes), hex(attributes))
    streams = {f":{name}:$DATA": piece.length for name, piece in node.streams}
    if not node.is_directory:
        streams["::$DATA"] = node.size
        same(f"bytes of {label}", node.content, _read(opened, node.size))
    same(f"streams of {label}", streams, dict(_streams(_query(opened, InfoType.SMB2_0_INFO_FILE, STREAMS))))
    same(f"EAs of {label}", dict(node.eas), _eas(opened))
    if node.dacl is not None:
        same(f"DACL of {label}", node.dacl.hex(), _dacl(opened).hex())
    if node.is_sparse:
        same(f"ranges of {label}", node.ranges, _ranges(opened, node.size))


def _open(share: TreeConnect, path: str, options: int = 0) -> Open:
    access = FilePipePrinterAccessMask.GENERIC_READ
    return open_file(share, Spelling(path), CreateDisposition.FILE_OPEN, access=access, options=options)


def _entries(opened: Open) -> Iterable[queries.Entry]:
    while True:
        message, _ = opened.query_directory("*", FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION, send=False)
        response = SMB2QueryDirectoryResponse()
        try:
            response.unpack(_exchange(opened, message))
        except NoMoreFiles:
            return
        yield from queries.decode_entries(bytes(response["buffer"].get_value()))


def _exchange(opened: Open, request: Structure) -> bytes:
    share = opened.tree_connect
    sent = opened.connection.send(request, share.session.session_id, share.tree_connect_id)
    return bytes(opened.connection.receive(sent)["data"].get_value())


def _response(opened: Open, info_type: int, information: int, additional: int = 0) -> SMB2QueryInfoResponse:
    request = SMB2QueryInfoRequest()
    request["info_type"] = info_type
    request["file_info_class"] = information
    request["additional_information"] = additional
    request["output_buffer_length"] = ROOM
    request["file_id"] = opened.file_id
    response = SMB2QueryInfoResponse()
    response.unpack(_exchange(opened, request))
    return response


def _query(opened: Open, info_type: int, information: int, additional: int = 0) -> bytes:
    return bytes(_response(opened, info_type, information, additional)["buffer"].get_value())


def _read(opened: Open, size: int) -> bytes:
    """Whole blocks are asked for, so what stands behind the size expected shows mostly; listings tell the size."""
    return b"".join(bytes(opened.read(at, BLOCK)) for at in range(0, size, BLOCK))


def _streams(data: bytes) -> Iterable[tuple[str, int]]:
    """FileStreamInformation, [MS-FSCC] 2.4.49."""
    while data:
        step, length, size = struct.unpack_from("<IIQ", data)
        yield data[24 : 24 + length].decode("utf-16-le", "surrogatepass"), size
        data = data[step:] if step else b""


def _eas(opened: Open) -> dict[bytes, bytes]:
    try:
        response = _response(opened, InfoType.SMB2_0_INFO_FILE, FileInformationClass.FILE_FULL_EA_INFORMATION)
    except SMBResponseException as refused:
        if refused.status == NO_EAS_ON_FILE:
            return {}
        raise
    eas = response.parse_buffer(FileFullEaInformation)
    return {bytes(ea["ea_name"].get_value()): bytes(ea["ea_value"].get_value()) for ea in eas}


def _dacl(opened: Open) -> bytes:
    data = _query(opened, InfoType.SMB2_0_INFO_SECURITY, 0, DACL)
    (at,) = struct.unpack_from("<I", data, 16)
    (size,) = struct.unpack_from("<H", data, at + 2)
    return data[at : at + size]


def _ranges(opened: Open, size: int) -> list[tuple[int, int]]:
    request = SMB2IOCTLRequest()
    request["ctl_code"] = QUERY_ALLOCATED_RANGES
    request["file_id"] = opened.file_id
    request["max_output_response"] = ROOM
    request["flags"] = queries.IOCTL_IS_FSCTL
    request["buffer"] = struct.pack("<QQ", 0, size)
    response = SMB2IOCTLResponse()
    response.unpack(_exchange(opened, request))
    return list(struct.iter_unpack("<QQ", bytes(response["buffer"].get_value())))
