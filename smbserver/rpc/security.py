"""Authenticated binds: the trailer of a PDU, and what signs and seals it ([MS-RPCE] 2.2.2.11, 2.2.2.12, 3.3.1.5.2).

A bind that carries a token begins a login of its own, over NTLM or SPNEGO. The login never changes who the caller is:
the server accepts it only from the user who has opened the pipe. What it gives is a signature, and a seal if asked
for, on every PDU; both cover the whole PDU, as NTLM does whether header signing was agreed upon or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple, Protocol

from smbserver.errors import WireError
from smbserver.rpc import pdu
from smbserver.rpc.pdu import Header

AUTH_SPNEGO: Final = 9
AUTH_NTLM: Final = 10
"""[MS-RPCE] 2.2.1.1.7."""

LEVEL_CONNECT: Final = 2
LEVEL_PACKET: Final = 4
LEVEL_INTEGRITY: Final = 5
LEVEL_PRIVACY: Final = 6
"""[MS-RPCE] 2.2.1.1.8. LEVEL_CALL (3) is for connectionless transports."""
LEVELS: Final = frozenset((LEVEL_CONNECT, LEVEL_PACKET, LEVEL_INTEGRITY, LEVEL_PRIVACY))

SIGNATURE_SIZE: Final = 16
"""NTLMSSP_MESSAGE_SIGNATURE ([MS-NLMP] 2.2.2.9)."""
PADDING: Final = 16
"""What the stub of a protected response is filled up to ([MS-RPCE] 2.2.2.12)."""

_TRAILER: Final = {order: Struct(order + "BBBxI") for order in "<>"}


class LoginRefused(Exception):
    """A token that is wrong, or the wrong user's."""


class MessageSecurity(Protocol):
    """Signs and seals in both directions, each message once and in order."""

    def sign(self, message: bytes) -> bytes:
        """The signature of our next message."""

    def is_signature(self, message: bytes, signature: bytes) -> bool:
        """Whether that signature is right for the client's next message."""

    def seal(self, data: bytes) -> bytes:
        """Encrypt the next bytes to the client."""

    def unseal(self, data: bytes) -> bytes:
        """Decrypt the next bytes from the client."""


class RpcLogin(Protocol):
    """One login at the RPC level."""

    def step(self, token: bytes) -> bytes:
        """The answer to a token. Raises LoginRefused."""

    @property
    def security(self) -> MessageSecurity | None:
        """What protects messages; None until the login has succeeded."""


class Trailer(NamedTuple):
    """sec_trailer with the token or signature behind it; `start` is where it begins in the fragment."""

    auth_type: int
    level: int
    padding: int
    context_id: int
    value: bytes
    start: int

    @classmethod
    def decode(cls, header: Header, frame: bytes) -> Trailer:
        """Reads the end of a whole fragment whose header has an auth_length. Raises WireError."""
        start = len(frame) - header.auth_length - pdu.SEC_TRAILER_SIZE
        if not header.auth_length or start < pdu.HEADER_SIZE:
            raise WireError("no room for a security trailer")
        order = ">" if header.big_endian else "<"
        auth_type, level, padding, context_id = _TRAILER[order].unpack_from(frame, start)
        if padding > start - pdu.HEADER_SIZE:
            raise WireError(f"{padding} bytes of padding in a fragment of {len(frame)}")
        return cls(auth_type, level, padding, context_id, frame[start + pdu.SEC_TRAILER_SIZE :], start)


class Association:
    """The security of one pipe, from the bind that began it."""

    __slots__ = ("_auth_type", "_context_id", "_level", "_login")

    def __init__(self, login: RpcLogin, trailer: Trailer) -> None:
        self._login = login
        self._auth_type = trailer.auth_type
        self._level = trailer.level
        self._context_id = trailer.context_id

    @property
    def is_established(self) -> bool:
        """Whether the login has succeeded."""
        return self._login.security is not None

    def continues(self, trailer: Trailer) -> bool:
        """Whether a trailer speaks of this association, at the level that was agreed upon."""
        theirs = trailer.auth_type, trailer.level, trailer.context_id
        return theirs == (self._auth_type, self._level, self._context_id)

    def step(self, trailer: Trailer) -> bytes:
        """Our next token. Raises LoginRefused, also for a login that is finished or another one."""
        if self.is_established or not self.continues(trailer):
            raise LoginRefused
        return self._login.step(trailer.value)

    def unprotect(self, header: Header, frame: bytes, body_start: int) -> bytes:
        """A request's fragment without its trailer, deciphered; `body_start` is where its stub begins.

        Raises LoginRefused when it is not protected as it must be, WireError when its trailer lies.
        """
        security = self._login.security
        if security is None:
            raise LoginRefused
        if not header.auth_length:
            if self._level != LEVEL_CONNECT:
                raise LoginRefused
            return frame
        trailer = Trailer.decode(header, frame)
        if not self.continues(trailer):
            raise LoginRefused
        if trailer.start - trailer.padding < body_start:
            raise WireError("the padding is longer than the stub")
        if self._level == LEVEL_PRIVACY:
            plain = security.unseal(frame[body_start : trailer.start])
            frame = frame[:body_start] + plain + frame[trailer.start :]
        if self._level != LEVEL_CONNECT and not security.is_signature(frame[: -len(trailer.value)], trailer.value):
            raise LoginRefused
        return frame[: trailer.start - trailer.padding]

    def response(self, header: Header, context_id: int, stub: bytes, max_fragment: int) -> Iterator[bytes]:
        """The fragments of a response, protected."""
        security = self._login.security
        if security is None or self._level == LEVEL_CONNECT:
            yield from pdu.encode_response(header, context_id, stub, max_fragment)
            return
        room = max_fragment - pdu.RESPONSE_HEADER_SIZE - pdu.SEC_TRAILER_SIZE - SIGNATURE_SIZE
        for head, part in pdu.split_response(context_id, stub, room - room % PADDING):
            padding = -len(part) % PADDING
            plain = part + bytes(padding)
            trailer = self.trailer(padding)
            message = pdu.encode_fragment(
                header, pdu.RESPONSE, head.flags, head.body + plain + trailer + bytes(SIGNATURE_SIZE), SIGNATURE_SIZE
            )
            signed = message[:-SIGNATURE_SIZE]
            if self._level == LEVEL_PRIVACY:
                # sealed first: the signature's keystream follows the data's ([MS-NLMP] 3.4.3)
                sealed = security.seal(plain)
                start = pdu.RESPONSE_HEADER_SIZE
                yield signed[:start] + sealed + trailer + security.sign(signed)
            else:
                yield signed + security.sign(signed)

    def trailer(self, padding: int) -> bytes:
        """sec_trailer of a PDU of ours."""
        return _TRAILER["<"].pack(self._auth_type, self._level, padding, self._context_id)
