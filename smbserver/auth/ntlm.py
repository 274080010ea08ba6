"""The server's side of an NTLMv2 login ([MS-NLMP] 3.2.5, 3.3.2). LM and NTLMv1 are refused."""

import hmac
from collections.abc import Callable
from typing import Final, NamedTuple

from smbserver.auth import ntlm_messages as m
from smbserver.auth.accounts import Accounts, upper_case
from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.auth.ntlm_security import MessageSecurity
from smbserver.crypto.rc4 import RC4
from smbserver.errors import StatusError, WireError
from smbserver.nt import status

_OFFERED: Final = (
    m.REQUEST_TARGET
    | m.SIGN
    | m.SEAL
    | m.NTLM
    | m.ALWAYS_SIGN
    | m.EXTENDED_SESSIONSECURITY
    | m.TARGET_INFO
    | m.VERSION
    | m.KEY_128
    | m.KEY_EXCH
    | m.KEY_56
)
_ALWAYS: Final = m.NTLM | m.EXTENDED_SESSIONSECURITY | m.TARGET_INFO | m.TARGET_TYPE_SERVER | m.REQUEST_TARGET
_NOBODY: Final = bytes(16)  # stands for the hash of an account that does not exist
_NTLM_V1_RESPONSE: Final = 24  # bytes, always (2.2.2.6)
_NT_RESPONSE_MIN: Final = 16 + 28  # the proof and the fixed part of NTLMv2_CLIENT_CHALLENGE (2.2.2.7)


class Names(NamedTuple):
    """What the server calls itself in a challenge."""

    computer: str
    domain: str


class LoggedOn(NamedTuple):
    """A finished login: who it is, and the key both sides now have (ExportedSessionKey, 16 bytes)."""

    identity: Identity
    session_key: bytes


class LogonFailure(StatusError):
    """LOGON_FAILURE, with the name as the client sent it (empty: nobody was named) and a reason for the log."""

    def __init__(self, user: str, reason: str) -> None:
        super().__init__(status.LOGON_FAILURE)
        self.user = user
        self.reason = reason


class Acceptor:
    """One login attempt. `step` is fed the client's messages; its only success is the last line of `_authenticate`."""

    def __init__(
        self,
        accounts: Accounts,
        names: Names,
        random: Callable[[int], bytes],
        now: int,
        anonymous_allowed: bool = False,
    ) -> None:
        self._accounts = accounts
        self._names = names
        self._challenge = random(8)
        self._random = random
        self._now = now
        self._anonymous_allowed = anonymous_allowed
        self._messages: list[bytes] = []
        self._user = ""
        self.result: LoggedOn | None = None
        self._flags = 0

    def step(self, message: bytes) -> bytes:
        """The answer to a message; afterwards `result` tells whether the login is finished.

        Raises LogonFailure for everything that is wrong with who it is, WireError for malformed bytes.
        """
        if not self._messages:
            return self._challenge_for(message)
        if self.result is not None or len(self._messages) != 2:
            raise StatusError(status.INVALID_PARAMETER)
        self.result = self._authenticate(message)
        return b""

    def _challenge_for(self, message: bytes) -> bytes:
        asked = m.decode_negotiate(message)
        if not asked & (m.UNICODE | m.OEM):
            raise WireError("NTLM without a character set")
        self._flags = asked & _OFFERED | _ALWAYS | (m.UNICODE if asked & m.UNICODE else m.OEM)
        names = self._names
        info = m.encode_av_pairs(
            [
                (m.AV_NB_DOMAIN, names.domain.encode("utf-16-le")),
                (m.AV_NB_COMPUTER, names.computer.encode("utf-16-le")),
                (m.AV_DNS_DOMAIN, names.domain.lower().encode("utf-16-le")),
                (m.AV_DNS_COMPUTER, names.computer.lower().encode("utf-16-le")),
                (m.AV_TIMESTAMP, self._now.to_bytes(8, "little")),
            ]
        )
        challenge = m.encode_challenge(self._flags, self._challenge, names.computer, info)
        self._messages = [message, challenge]
        return challenge

    def _authenticate(self, message: bytes) -> LoggedOn:
        auth = m.decode_authenticate(message)
        self._messages.append(message)
        self._flags &= auth.flags  # what both sides want
        self._user = auth.user
        if not auth.user:
            return self._anonymous()
        response = auth.nt_response
        account = self._accounts.find(auth.user)
        if account is None and self._accounts.guest_allowed:
            # Unknown users only: a known one with a wrong password never becomes a guest.
            return LoggedOn(Identity("guest", self._names.computer, is_guest=True), bytes(16))
        if len(response) <= _NTLM_V1_RESPONSE:  # none: LM only
            raise self._failure("no NTLMv2 response")
        if len(response) < _NT_RESPONSE_MIN:
            raise WireError("short NTLMv2 response")
        proof, temp = response[:16], response[16:]
        pairs = m.decode_av_pairs(temp[28:])
        # Unknown names cost the same arithmetic, so that its time does not tell them from known ones.
        secret = _NOBODY if account is None else account.hash.reveal()
        who = (upper_case(auth.user) + auth.domain).encode("utf-16-le", "surrogatepass")
        key = hmac.digest(secret, who, "md5")  # NTOWFv2
        expected = hmac.digest(key, self._challenge + temp, "md5")
        right = hmac.compare_digest(proof, expected)
        if account is None:
            raise self._failure("unknown user")
        if not right:
            raise self._failure("wrong password")
        session_key = self._exported_key(auth, hmac.digest(key, proof, "md5"))
        self._check_mic(auth, pairs, session_key)
        return LoggedOn(Identity(account.name, self._names.computer), session_key)

    def _anonymous(self) -> LoggedOn:
        if not self._anonymous_allowed:
            raise self._failure("anonymous")
        return LoggedOn(ANONYMOUS, bytes(16))

    def _exported_key(self, auth: m.AuthenticateMessage, base_key: bytes) -> bytes:
        """[MS-NLMP] 3.1.5.1.2, 3.4.5: KXKEY is the base key with NTLMv2; with KEY_EXCH the client chose."""
        if auth.flags & self._flags & m.KEY_EXCH:
            if len(auth.encrypted_session_key) != 16:
                raise self._failure("no session key")
            return RC4(base_key).update(auth.encrypted_session_key)
        return base_key

    def _check_mic(self, auth: m.AuthenticateMessage, pairs: dict[int, bytes], session_key: bytes) -> None:
        """When the client says it has sent a MIC it must be right: nobody changed the three messages on the way."""
        flags = int.from_bytes(pairs.get(m.AV_FLAGS, b"\0\0\0\0")[:4], "little")
        if not flags & m.AV_FLAG_MIC:
            return
        blank = self._messages[2][: m.MIC_OFFSET] + bytes(16) + self._messages[2][m.MIC_OFFSET + 16 :]
        expected = hmac.digest(session_key, self._messages[0] + self._messages[1] + blank, "md5")
        if not hmac.compare_digest(expected, auth.mic):
            raise self._failure("wrong MIC: the messages were changed on their way")

    def _failure(self, reason: str) -> LogonFailure:
        return LogonFailure(self._user, reason)

    def spnego_mic(self, mech_types: bytes, session_key: bytes) -> "MechListMic":
        """What checks and makes the mechListMIC of this login."""
        return MechListMic(mech_types, self.message_security(session_key))

    def message_security(self, session_key: bytes, first: int = 0) -> MessageSecurity:
        """What signs and seals messages after this login; `first` is the number of the first one."""
        return MessageSecurity(session_key, self._flags & m.KEY_128 != 0, self._flags & m.KEY_EXCH != 0, first)


class MechListMic:
    """GSS_GetMIC of NTLM over the SPNEGO mechanism list, first message in each direction ([MS-NLMP] 3.4.4.2).

    Its keystream ends with it, and begins anew for what is signed afterwards ([MS-SPNG] 3.2.5.1); the numbers of the
    messages go on.
    """

    def __init__(self, mech_types: bytes, keys: MessageSecurity) -> None:
        self._mech_types = mech_types
        self._keys = keys

    def client_is(self, mic: bytes) -> bool:
        """Whether the client's MIC is the right one."""
        return self._keys.is_signature(self._mech_types, mic)

    def server(self) -> bytes:
        """Our own MIC."""
        return self._keys.sign(self._mech_types)
