"""Strategies for every message and structure of the wire format, for round trips and for fuzzers."""

from __future__ import annotations

from hypothesis import strategies as st

from smbserver.nt.metadata import Metadata, VolumeSpace
from smbserver.wire import (
    change_notify,
    create,
    create_contexts,
    directory_info,
    error,
    file_info,
    flush,
    header,
    ioctl,
    lock,
    negotiate,
    oplock_break,
    query_directory,
    query_info,
    read,
    session_setup,
    set_info,
    transform,
    tree_connect,
    write,
)

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
U64 = st.integers(0, 0xFFFFFFFFFFFFFFFF)
TIME = st.integers(0, 0x7FFFFFFFFFFFFFFF)
GUID = st.binary(min_size=16, max_size=16)
DATA = st.binary(max_size=64)
VIEW: st.SearchStrategy[memoryview] = DATA.map(lambda data: memoryview(data))
TEXT = st.text(max_size=20)
NAME = st.text(min_size=1, max_size=20)

HEADERS = st.builds(
    header.Header,
    protocol_id=st.just(header.PROTOCOL_ID),
    structure_size=st.just(header.SIZE),
    credit_charge=U16,
    status=U32,
    command=U16,
    credits=U16,
    flags=U32,
    next_command=U32,
    message_id=U64,
    reserved=U32,
    tree_id=U32,
    session_id=U64,
    signature=GUID,
)

ERROR_CONTEXTS = st.lists(st.builds(error.ErrorContext, error_id=U32, data=DATA), max_size=4).map(tuple)

NEGOTIATE_CONTEXTS = st.lists(
    st.builds(negotiate.NegotiateContext, type=U16, data=DATA), max_size=negotiate.MAX_CONTEXTS
).map(tuple)
# Contexts are only there when 3.1.1 is among the dialects, and 3.1.1 has at least one.
NEGOTIATE_REQUESTS = st.builds(
    negotiate.NegotiateRequest,
    security_mode=U16,
    capabilities=U32,
    client_guid=GUID,
    dialects=st.lists(U16.filter(lambda number: number != 0x0311), max_size=8).map(tuple),
    contexts=st.just(()),
) | st.builds(
    negotiate.NegotiateRequest,
    security_mode=U16,
    capabilities=U32,
    client_guid=GUID,
    dialects=st.lists(U16, max_size=8).map(lambda dialects: (*dialects, 0x0311)),
    contexts=NEGOTIATE_CONTEXTS,
)


def _negotiate_responses(
    dialect: st.SearchStrategy[int], contexts: st.SearchStrategy[tuple[object, ...]]
) -> st.SearchStrategy[negotiate.NegotiateResponse]:
    return st.builds(
        negotiate.NegotiateResponse,
        security_mode=U16,
        dialect=dialect,
        server_guid=GUID,
        capabilities=U32,
        max_transact_size=U32,
        max_read_size=U32,
        max_write_size=U32,
        system_time=U64,
        server_start_time=U64,
        security_buffer=DATA,
        contexts=contexts,
    )


NEGOTIATE_RESPONSES = _negotiate_responses(
    st.sampled_from([0x0202, 0x0210, 0x0300, 0x0302, 0x02FF]), st.just(())
) | _negotiate_responses(st.just(0x0311), NEGOTIATE_CONTEXTS)

SESSION_SETUP_REQUESTS = st.builds(
    session_setup.SessionSetupRequest,
    flags=U8,
    security_mode=U8,
    capabilities=U32,
    previous_session_id=U64,
    security_buffer=DATA,
)
SESSION_SETUP_RESPONSES = st.builds(session_setup.SessionSetupResponse, session_flags=U16, security_buffer=DATA)

TREE_CONNECT_REQUESTS = st.builds(tree_connect.TreeConnectRequest, flags=U16, path=TEXT)
TREE_CONNECT_RESPONSES = st.builds(
    tree_connect.TreeConnectResponse, share_type=U8, share_flags=U32, capabilities=U32, maximal_access=U32
)

CREATE_CONTEXTS = st.dictionaries(st.binary(min_size=4, max_size=20), DATA, max_size=5)
CREATE_REQUESTS = st.builds(
    create.CreateRequest,
    requested_oplock_level=U8,
    impersonation_level=U32,
    desired_access=U32,
    file_attributes=U32,
    share_access=U32,
    create_disposition=U32,
    create_options=U32,
    name=TEXT,
    contexts=CREATE_CONTEXTS,
)
CREATE_RESPONSES = st.builds(
    create.CreateResponse,
    oplock_level=U8,
    create_action=U32,
    creation_time=U64,
    last_access_time=U64,
    last_write_time=U64,
    change_time=U64,
    allocation_size=U64,
    end_of_file=U64,
    file_attributes=U32,
    persistent_id=U64,
    volatile_id=U64,
    contexts=CREATE_CONTEXTS.map(lambda contexts: create.encode_contexts(list(contexts.items()))),
)

LEASES = st.builds(
    create_contexts.Lease,
    version=st.just(1),
    key=GUID,
    state=U32,
    flags=U32,
    parent_key=st.just(create_contexts.NO_PARENT),
    epoch=st.just(0),
) | st.builds(create_contexts.Lease, version=st.just(2), key=GUID, state=U32, flags=U32, parent_key=GUID, epoch=U16)

CLOSE_ATTRIBUTES = st.tuples(U64, U64, U64, U64, U64, U64, U32)
FLUSH_REQUESTS = st.builds(flush.FlushRequest, reserved1=U16, persistent_id=U64, volatile_id=U64)

READ_REQUESTS = st.builds(
    read.ReadRequest,
    flags=U8,
    length=U32,
    offset=U64,
    minimum_count=U32,
    channel=U32,
)
WRITE_REQUESTS = st.builds(write.WriteRequest, offset=U64, channel=U32, flags=U32, data=VIEW)

LOCK_REQUESTS = st.builds(
    lock.LockRequest,
    lock_sequence=U32,
    persistent_id=U64,
    volatile_id=U64,
    locks=st.lists(
        st.builds(lock.LockElement, offset=U64, length=U64, flags=U32, reserved=U32),
        min_size=1,
        max_size=lock.MAX_LOCKS,
    ).map(tuple),
)

IOCTL_REQUESTS = st.builds(
    ioctl.IoctlRequest,
    ctl_code=U32,
    persistent_id=U64,
    volatile_id=U64,
    max_input_response=U32,
    max_output_response=U32,
    flags=U32,
    input=VIEW,
)
VALIDATE_NEGOTIATE = st.builds(
    ioctl.ValidateNegotiateInfo,
    capabilities=U32,
    guid=GUID,
    security_mode=U16,
    dialects=st.lists(U16, max_size=8).map(tuple),
)

QUERY_DIRECTORY_REQUESTS = st.builds(
    query_directory.QueryDirectoryRequest,
    file_information_class=U8,
    flags=U8,
    file_index=U32,
    persistent_id=U64,
    volatile_id=U64,
    output_buffer_length=U32,
    pattern=TEXT,
)

CHANGE_NOTIFY_REQUESTS = st.builds(
    change_notify.ChangeNotifyRequest,
    flags=U16,
    output_buffer_length=U32,
    persistent_id=U64,
    volatile_id=U64,
    completion_filter=U32,
)
NOTIFY_ENTRIES = st.lists(st.builds(change_notify.NotifyEntry, action=U32, name=TEXT), max_size=6).map(tuple)

QUERY_INFO_REQUESTS = st.builds(
    query_info.QueryInfoRequest,
    info_type=U8,
    file_info_class=U8,
    output_buffer_length=U32,
    additional_information=U32,
    flags=U32,
    persistent_id=U64,
    volatile_id=U64,
    input=VIEW,
)
SET_INFO_REQUESTS = st.builds(
    set_info.SetInfoRequest,
    info_type=U8,
    file_info_class=U8,
    additional_information=U32,
    persistent_id=U64,
    volatile_id=U64,
    data=VIEW,
)

OPLOCK_BREAKS = st.builds(oplock_break.OplockBreak, oplock_level=U8, persistent_id=U64, volatile_id=U64)
LEASE_NOTIFICATIONS = st.builds(
    oplock_break.LeaseBreakNotification,
    new_epoch=U16,
    flags=U32,
    lease_key=GUID,
    current_lease_state=U32,
    new_lease_state=U32,
)
LEASE_ACKNOWLEDGEMENTS = st.builds(oplock_break.LeaseBreakAcknowledgement, lease_key=GUID, lease_state=U32)

TRANSFORM_HEADERS = st.builds(
    transform.TransformHeader,
    protocol_id=st.just(header.TRANSFORM_ID),
    signature=GUID,
    nonce=GUID,
    original_message_size=st.integers(0, 100),
    reserved=U16,
    flags=st.just(transform.FLAG_ENCRYPTED),
    session_id=U64,
)

METADATA = st.builds(
    Metadata,
    apple=st.none(),
    owner=st.none(),
    creation_time=TIME,
    last_access_time=TIME,
    last_write_time=TIME,
    change_time=TIME,
    allocation_size=U64,
    end_of_file=U64,
    attributes=U32,
    number_of_links=st.integers(1, 0xFFFF),
    file_id=U64,
    is_directory=st.booleans(),
    reparse_tag=st.just(0),
    ea_size=U32,
)
VOLUME_SPACES = st.builds(
    VolumeSpace,
    unit=st.sampled_from([1, 512, 1000, 1024, 4096, 65536]),
    total_units=U64,
    available_units=U64,
    free_units=U64,
)
OPEN_VIEWS = st.builds(
    file_info.OpenView,
    name=TEXT,
    granted_access=U32,
    mode=U32,
    position=U64,
    delete_pending=st.booleans(),
    ea_size=U32,
)
STREAMS = st.lists(st.builds(file_info.Stream, name=TEXT, size=U64, allocation_size=U64), max_size=5).map(tuple)
BASIC_TIME = st.integers(-2, 0x7FFFFFFFFFFFFFFF)
BASIC_CHANGES = st.builds(
    file_info.BasicChange,
    creation_time=BASIC_TIME,
    last_access_time=BASIC_TIME,
    last_write_time=BASIC_TIME,
    change_time=BASIC_TIME,
    attributes=U32,
)
RENAMES = st.builds(
    file_info.RenameTarget, replace_if_exists=st.booleans(), root_directory=U64, name=NAME, flags=st.just(0)
)
DIRECTORY_CLASSES = st.sampled_from(sorted(set(directory_info.CLASSES) - {directory_info.POSIX}))
