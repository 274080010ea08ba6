"""The part of CREATE that is about durable opens: asked for, taken back, replayed ([MS-SMB2] 3.3.5.9.6 to .13)."""

from typing import Final

from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, names, status
from smbserver.nt.stream_names import split_stream
from smbserver.objects.durable import keeps_handle, open_of
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.sharing.caching import HANDLE
from smbserver.sharing.durable import NO_GUID, AppInstance, CreateKey, Durability
from smbserver.sharing.file_state import Identity
from smbserver.wire import create as wire
from smbserver.wire import create_contexts as contexts
from smbserver.wire import header

TIMEOUT_V1: Final = 120_000  # milliseconds; Windows since 8 ([MS-SMB2] note 335)
TIMEOUT_UNASKED: Final = 60_000  # when version 2 leaves it to the server (note 344)
MAX_TIMEOUT: Final = 300_000  # [MS-SMB2] 3.3.5.9.10

_FIRST_WITH_V2: Final = 0x0300
_FIRST_WITH_APP_VERSION: Final = 0x0311
# Only an open with one of these can be replayed (3.3.5.9.10).
_REPLAYABLE: Final = (
    access.FILE_READ_DATA | access.FILE_EXECUTE | access.FILE_WRITE_DATA | access.FILE_APPEND_DATA | access.DELETE
)


class DurableRequest:
    """What a CREATE asks for. `version` is 0 when only an application instance is named; `reconnects` names an open.

    `timeout` is what the client wishes, in milliseconds, 0 for whatever the server likes.
    """

    __slots__ = ("app_instance", "key", "reconnects", "timeout", "version")

    def __init__(
        self,
        version: int,
        key: CreateKey,
        timeout: int = 0,
        reconnects: int | None = None,
        app_instance: AppInstance | None = None,
    ) -> None:
        self.version = version
        self.key = key
        self.timeout = timeout
        self.reconnects = reconnects
        self.app_instance = app_instance


def durable_request(request: wire.CreateRequest, work: Work) -> DurableRequest | None:
    """Read the contexts of this family; None when there is none that the dialect knows.

    Raises StatusError INVALID_PARAMETER for those that exclude each other, WireError for a wrong size.
    """
    found = request.contexts
    dialect = work.connection.dialect
    is_3 = dialect is not None and dialect.revision >= _FIRST_WITH_V2
    client = work.connection.client_guid
    asks, comes_back = wire.DURABLE_REQUEST in found, wire.DURABLE_RECONNECT in found
    asks_v2 = is_3 and wire.DURABLE_REQUEST_V2 in found
    comes_back_v2 = is_3 and wire.DURABLE_RECONNECT_V2 in found
    if (asks_v2 and (asks or comes_back)) or (comes_back_v2 and (asks or comes_back or asks_v2)):
        raise StatusError(status.INVALID_PARAMETER)
    if comes_back:  # a request beside it is ignored (3.3.5.9.7)
        wanted = contexts.decode_durable_reconnect(found[wire.DURABLE_RECONNECT])
        return DurableRequest(1, CreateKey(client, NO_GUID), reconnects=wanted.persistent_id)
    if comes_back_v2:
        again = contexts.decode_durable_reconnect_v2(found[wire.DURABLE_RECONNECT_V2])
        if again.flags & contexts.DHANDLE_FLAG_PERSISTENT:
            raise StatusError(status.INVALID_PARAMETER)  # no open is persistent here
        return DurableRequest(2, CreateKey(client, again.create_guid), reconnects=again.persistent_id)
    instance = _app_instance(found, dialect.revision) if dialect is not None and is_3 else None
    if asks_v2:
        asked = contexts.decode_durable_request_v2(found[wire.DURABLE_REQUEST_V2])
        return DurableRequest(2, CreateKey(client, asked.create_guid), asked.timeout, None, instance)
    if asks or instance is not None:
        return DurableRequest(1 if asks else 0, CreateKey(client, NO_GUID), app_instance=instance)
    return None


def can_be_replayed(durable: DurableRequest | None) -> bool:
    """Whether the client can ask for the outcome by another channel, when it did not hear it by this one."""
    return durable is not None and durable.key.create_guid != NO_GUID


def _app_instance(found: dict[bytes, bytes], revision: int) -> AppInstance | None:
    data = found.get(wire.APP_INSTANCE_ID)
    if data is None:
        return None
    version = found.get(wire.APP_INSTANCE_VERSION) if revision >= _FIRST_WITH_APP_VERSION else None
    pair = contexts.decode_app_instance_version(version) if version is not None else None
    return AppInstance(contexts.decode_app_instance_id(data), None if pair is None else (pair.high, pair.low))


def known_open(durable: DurableRequest, request: wire.CreateRequest, work: Work) -> Open | None:
    """The open that this CREATE means, because it takes it back or is a replay; None when a new one is to be made.

    Raises StatusError OBJECT_NAME_NOT_FOUND, ACCESS_DENIED, INVALID_PARAMETER, FILE_NOT_AVAILABLE, DUPLICATE_OBJECTID.
    """
    if durable.reconnects is not None:
        return _take_back(durable, durable.reconnects, request, work)
    if durable.key.create_guid == NO_GUID:
        return None
    creates = work.connection.server.files.creates
    is_replay = work.flags & header.REPLAY_OPERATION != 0
    if creates.is_under_way(durable.key):
        raise StatusError(status.FILE_NOT_AVAILABLE if is_replay else status.DUPLICATE_OBJECTID)
    holder = creates.find(durable.key)
    if holder is None:
        return None
    if not is_replay:
        raise StatusError(status.DUPLICATE_OBJECTID)
    opened = open_of(holder)
    if holder.durability is None or holder.durability.owner != work.need_session().identity:
        raise StatusError(status.ACCESS_DENIED)
    if _lease_key(request) != _held_lease_key(opened):
        raise StatusError(status.ACCESS_DENIED)
    if opened.session is not work.need_session() or opened.tree is not work.need_tree():
        raise StatusError(status.DUPLICATE_OBJECTID)
    return opened


def _lease_key(request: wire.CreateRequest) -> bytes:
    data = request.contexts.get(wire.REQUEST_LEASE)
    return b"" if data is None else contexts.decode_lease(data).key


def _held_lease_key(opened: Open) -> bytes:
    cache = opened.holder.cache
    return b"" if cache is None else cache.key.lease_key


def _take_back(durable: DurableRequest, number: int, request: wire.CreateRequest, work: Work) -> Open:
    """[MS-SMB2] 3.3.5.9.7, 3.3.5.9.12. Nothing else of the request means anything."""
    server = work.connection.server
    opened = server.durables.find(number)
    if opened is None:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    holder = opened.holder
    durability, cache = holder.durability, holder.cache
    if durability is None or cache is None or not cache.state & HANDLE:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    if durable.version == 2 and durability.key.create_guid != durable.key.create_guid:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    if opened.tree.share is not work.need_tree().share:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)  # it has the rights that it was given on that share
    data = request.contexts.get(wire.REQUEST_LEASE)
    if cache.is_lease != (data is not None):
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    if data is not None:
        lease = contexts.decode_lease(data)
        if durability.key.client_guid != work.connection.client_guid:
            raise StatusError(status.OBJECT_NAME_NOT_FOUND)
        if lease.key != cache.key.lease_key or lease.version != cache.version:
            raise StatusError(status.OBJECT_NAME_NOT_FOUND)
        if not opened.delete_on_close and not _names(request.name, opened):
            raise StatusError(status.INVALID_PARAMETER)
    if durability.owner != work.need_session().identity:
        raise StatusError(status.ACCESS_DENIED)
    server.durables.reclaim(opened)
    opened.tree = work.need_tree()
    opened.sequence.restart(work.channel_sequence)
    return opened


def _names(name: str, opened: Open) -> bool:
    try:
        file, stream = split_stream(name)
        path = names.split(file)
    except StatusError:
        return False
    if names.fold(stream.name) != names.fold(opened.holder.stream):
        return False
    return [names.fold(each) for each in path] == [names.fold(each) for each in opened.path]


def grant_durable(durable: DurableRequest | None, work: Work, opened: Open, action: int) -> None:
    """Remember what the new open may be asked for by; called when its oplock or lease is granted."""
    who = work.need_session().identity
    if durable is None or opened.handle.is_directory or opened.pipe is not None or who.is_guest or who.is_anonymous:
        return  # nothing tells one guest from another
    holder = opened.holder
    durability = Durability(durable.key, who, action)
    durability.app_instance = durable.app_instance
    if durable.version and keeps_handle(holder):
        durability.is_durable = True
        durability.timeout = (
            TIMEOUT_V1 if durable.version == 1 else min(durable.timeout or TIMEOUT_UNASKED, MAX_TIMEOUT)
        )
    holder.durability = durability
    if durable.version == 2 and opened.granted & _REPLAYABLE:
        work.connection.server.files.creates.add(durable.key, holder)


def durable_response(durable: DurableRequest, opened: Open) -> list[tuple[bytes, bytes]]:
    """What the reply tells of it. An open that was taken back says nothing, as Windows does."""
    durability = opened.holder.durability
    if durability is None or not durability.is_durable or durable.reconnects is not None:
        return []
    if durable.version == 1:
        return [(wire.DURABLE_REQUEST, contexts.DURABLE_RESPONSE_DATA)]
    return [(wire.DURABLE_REQUEST_V2, contexts.encode_durable_response_v2(durability.timeout, 0))]


def displace(durable: DurableRequest, work: Work, tree: Tree, identity: Identity, stream: str) -> None:
    """[MS-SMB2] 3.3.5.9.13: the same application runs elsewhere now, its opens on the node before are closed.

    Only those of the same user. Raises StatusError FILE_FORCED_CLOSED when the one that is there is the newer one.
    """
    server = work.connection.server
    state = server.files.prepare(identity, stream)
    mine = durable.app_instance
    if state is None or mine is None:
        return
    for holder in list(state.holders):
        durability = holder.durability
        theirs = None if durability is None else durability.app_instance
        if durability is None or theirs is None or theirs.instance_id != mine.instance_id:
            continue
        opened = open_of(holder)
        if durability.key.client_guid == work.connection.client_guid or opened.tree.share is not tree.share:
            continue
        if durability.owner != work.need_session().identity:
            continue
        if theirs.version is not None and (mine.version is None or theirs.version >= mine.version):
            raise StatusError(status.FILE_FORCED_CLOSED)
        if tree.maximal_access & access.FILE_GENERIC_READ == access.FILE_GENERIC_READ:
            if opened.session is not None:
                opened.session.opens.pop(opened.volatile_id, None)
            opened.close(server.files)
