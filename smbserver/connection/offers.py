"""What the server says it can, in NEGOTIATE and again when a client asks whether it was told the truth."""

from smbserver.connection.connection import Connection
from smbserver.connection.dialects import Dialect
from smbserver.wire import negotiate as wire


def capabilities(connection: Connection, dialect: Dialect) -> int:
    """Only what the server does, and of some things only what the client has asked for ([MS-SMB2] 3.3.5.4).

    impacket takes an offer for what it must do, and then cannot.
    """
    flags = wire.CAP_LARGE_MTU | wire.CAP_LEASING if dialect.multi_credit else 0
    if dialect.derives_keys:  # all of 3.x
        flags |= (wire.CAP_MULTI_CHANNEL | wire.CAP_DIRECTORY_LEASING) & connection.client_capabilities
    if connection.cipher and dialect.can_encrypt and not dialect.preauth:
        flags |= wire.CAP_ENCRYPTION
    return flags


def security_mode(connection: Connection) -> int:
    """Signing is always possible; required by policy."""
    # Linux cifs.ko drops a server without SIGNING_ENABLED.
    return wire.SIGNING_ENABLED | (wire.SIGNING_REQUIRED if connection.server.policy.signing_required else 0)
