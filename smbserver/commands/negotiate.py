"""NEGOTIATE ([MS-SMB2] 3.3.5.3, 3.3.5.4): choose a dialect, a cipher and a signing algorithm, once per connection."""

import logging
from collections.abc import Callable
from typing import Final

from smbserver.auth import spnego
from smbserver.connection.connection import Connection
from smbserver.connection.dialects import DIALECTS, Dialect
from smbserver.connection.offers import capabilities, security_mode
from smbserver.connection.work import Buffer, Reply, Work
from smbserver.crypto import preauth
from smbserver.errors import ProtocolViolation, StatusError
from smbserver.nt import status
from smbserver.objects.server_state import Encryption
from smbserver.wire import negotiate as wire
from smbserver.wire import posix

log = logging.getLogger(__name__)

# Best first. GCM before CCM: it is several times as fast.
_CIPHERS: Final = (wire.AES_128_GCM, wire.AES_256_GCM, wire.AES_128_CCM, wire.AES_256_CCM)
_SIGNERS: Final = (wire.AES_GMAC, wire.AES_CMAC, wire.HMAC_SHA256)
_SALT: Final = 32  # bytes


def negotiate(request: wire.NegotiateRequest, work: Work) -> Reply:
    """Settle the dialect. A second NEGOTIATE ends the connection ([MS-SMB2] 3.3.5.4)."""
    connection = work.connection
    if connection.dialect is not None:
        raise ProtocolViolation("NEGOTIATE twice")
    if not request.dialects:
        raise StatusError(status.INVALID_PARAMETER)
    policy = connection.server.policy
    usable = [
        DIALECTS[revision]
        for revision in request.dialects
        if revision in DIALECTS and policy.min_dialect <= revision <= policy.max_dialect
    ]
    if not usable:
        raise StatusError(status.NOT_SUPPORTED)
    dialect = max(usable)
    contexts = _choose_algorithms(connection, dialect, request)
    connection.dialect = dialect
    connection.client_guid = request.client_guid
    connection.client_capabilities = request.capabilities
    connection.client_security_mode = request.security_mode
    connection.client_dialects = request.dialects
    connection.join_client()
    if dialect.preauth:
        connection.preauth_hash = preauth.extend(connection.preauth_hash, [work.message])
        return Reply([_response(connection, dialect, contexts).encode()], on_wire=_hash_reply(connection))
    return Reply([_response(connection, dialect, ()).encode()])


def _hash_reply(connection: Connection) -> Callable[[list[Buffer]], None]:
    def update(parts: list[Buffer]) -> None:
        connection.preauth_hash = preauth.extend(connection.preauth_hash, parts)

    return update


def _choose_algorithms(
    connection: Connection, dialect: Dialect, request: wire.NegotiateRequest
) -> tuple[wire.NegotiateContext, ...]:
    """Set cipher and signing algorithm; the contexts that tell the client ([MS-SMB2] 3.3.5.4)."""
    connection.cipher, connection.posix = 0, False  # an attempt that failed half-way must leave nothing behind
    encryption_possible = connection.server.policy.encryption is not Encryption.OFF
    if not dialect.derives_keys:
        connection.signing_algorithm = wire.HMAC_SHA256
        return ()
    connection.signing_algorithm = wire.AES_CMAC
    if not dialect.preauth:
        if encryption_possible and request.capabilities & wire.CAP_ENCRYPTION:
            connection.cipher = wire.AES_128_CCM
        return ()
    offered: dict[int, bytes] = {}
    for context in request.contexts:
        if context.type in offered and context.type in (
            wire.PREAUTH_INTEGRITY_CAPABILITIES,
            wire.ENCRYPTION_CAPABILITIES,
            wire.SIGNING_CAPABILITIES,
        ):
            raise StatusError(status.INVALID_PARAMETER)
        offered[context.type] = context.data
    if wire.PREAUTH_INTEGRITY_CAPABILITIES not in offered:
        raise StatusError(status.INVALID_PARAMETER)
    if wire.SHA_512 not in wire.decode_preauth(offered[wire.PREAUTH_INTEGRITY_CAPABILITIES]):
        raise StatusError(status.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP)
    answer = [wire.preauth_context(connection.server.runtime.random(_SALT))]
    if wire.ENCRYPTION_CAPABILITIES in offered:
        wanted = wire.decode_algorithms(offered[wire.ENCRYPTION_CAPABILITIES])
        # No answer says that nothing is encrypted here, and one without a cipher that it is done otherwise. smb-rs,
        # told not to encrypt, asks for none of all ciphers and knows no answer that has none.
        if encryption_possible and wanted:
            connection.cipher = next((cipher for cipher in _CIPHERS if cipher in wanted), 0)
            answer.append(wire.algorithm_context(wire.ENCRYPTION_CAPABILITIES, connection.cipher))
    if wire.SIGNING_CAPABILITIES in offered:
        wanted = wire.decode_algorithms(offered[wire.SIGNING_CAPABILITIES])
        if not wanted:
            raise StatusError(status.INVALID_PARAMETER)
        connection.signing_algorithm = next((signer for signer in _SIGNERS if signer in wanted), wire.AES_CMAC)
        answer.append(wire.algorithm_context(wire.SIGNING_CAPABILITIES, connection.signing_algorithm))
    if posix.offers(offered.get(posix.NEGOTIATE_CONTEXT, b"")) and _can_posix(connection):
        connection.posix = True
        answer.append(wire.NegotiateContext(posix.NEGOTIATE_CONTEXT, posix.CONTEXT))
    return tuple(answer)


def _can_posix(connection: Connection) -> bool:
    """Whether the POSIX extensions are wanted, and some share can keep what they promise."""
    server = connection.server
    if not server.policy.posix_extensions:
        return False
    return any(share.backend is not None and share.backend.posix_semantics for share in server.shares)


def _response(
    connection: Connection, dialect: Dialect, contexts: tuple[wire.NegotiateContext, ...], revision: int = 0
) -> wire.NegotiateResponse:
    server = connection.server
    return wire.NegotiateResponse(
        security_mode(connection),
        revision or dialect.revision,
        server.guid,
        capabilities(connection, dialect),
        dialect.max_size,
        dialect.max_size,
        dialect.max_size,
        server.runtime.now(),
        0,
        spnego.encode_hint(),
        contexts,
    )


def negotiate_smb1(dialects: tuple[str, ...], work: Work) -> Reply:
    """The SMB1 request of a client that may speak SMB2 ([MS-SMB2] 3.3.5.3)."""
    connection = work.connection
    policy = connection.server.policy
    if connection.dialect is not None:
        raise ProtocolViolation("SMB1 NEGOTIATE on an SMB2 connection")
    if "SMB 2.???" in dialects and policy.max_dialect > 0x0202:
        return Reply([_response(connection, DIALECTS[0x0210], (), wire.WILDCARD_DIALECT).encode()])
    if "SMB 2.002" in dialects and policy.min_dialect <= 0x0202:
        connection.dialect = DIALECTS[0x0202]
        connection.client_dialects = (0x0202,)
        return Reply([_response(connection, connection.dialect, ()).encode()])
    log.warning("%s: the client speaks SMB1 only; this server speaks SMB 2.0.2 and later", connection.name)
    raise ProtocolViolation("no common dialect")
