"""One login from its first token to its result: raw NTLMSSP or SPNEGO, answered in the form that came."""

from smbserver.auth import ntlm_messages, spnego
from smbserver.auth.ntlm import Acceptor, LoggedOn, LogonFailure
from smbserver.auth.ntlm_security import MessageSecurity
from smbserver.errors import StatusError, WireError
from smbserver.nt import status

MAX_LEGS = 4  # negotiate, (another mechanism guessed first), authenticate: three, and one to spare


class Login:
    """Feed `step` the client's tokens until `result` is set. Any exception ends the attempt."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._legs = 0
        self._raw = False
        self._mech_list = b""
        self._first_choice = True
        self._signed = 0  # messages of each direction that are signed already: the mechListMIC, or none
        self.result: LoggedOn | None = None

    def step(self, token: bytes) -> bytes:
        """Our next token. Raises LogonFailure, and StatusError INVALID_PARAMETER for malformed or further tokens."""
        self._legs += 1
        if self._legs > MAX_LEGS or self.result is not None:
            raise StatusError(status.INVALID_PARAMETER)
        try:
            if self._legs == 1:
                self._raw = token.startswith(ntlm_messages.SIGNATURE)
            return self._step_raw(token) if self._raw else self._step_spnego(token)
        except WireError:
            raise StatusError(status.INVALID_PARAMETER) from None

    def message_security(self) -> MessageSecurity:
        """What signs and seals messages with the key of this login. Only valid when `result` is set."""
        assert self.result is not None
        return self._acceptor.message_security(self.result.session_key, self._signed)

    def _step_raw(self, token: bytes) -> bytes:
        answer = self._acceptor.step(token)
        self.result = self._acceptor.result
        return answer

    def _step_spnego(self, token: bytes) -> bytes:
        if self._legs == 1:
            return self._begin(token)
        response = spnego.decode_response(token)
        answer = self._acceptor.step(response.response_token)
        logged_on = self._acceptor.result
        if logged_on is None:
            return spnego.encode_response(spnego.ACCEPT_INCOMPLETE, answer, b"", with_mechanism=False)
        mic = b""
        if logged_on.identity.is_guest or logged_on.identity.is_anonymous:
            pass  # no key that only the two of us know: there is nothing to check a MIC with
        elif response.mech_list_mic:
            checker = self._acceptor.spnego_mic(self._mech_list, logged_on.session_key)
            if not checker.client_is(response.mech_list_mic):
                raise LogonFailure(logged_on.identity.user, "wrong mechListMIC: the mechanisms were changed")
            mic = checker.server()
            self._signed = 1
        elif not self._first_choice:
            # RFC 4178 5: when the mechanism was not the client's first choice the MIC protects the choice.
            raise LogonFailure(logged_on.identity.user, "no mechListMIC, and NTLM was not the client's first choice")
        self.result = logged_on
        return spnego.encode_response(spnego.ACCEPT_COMPLETED, b"", mic, with_mechanism=False)

    def _begin(self, token: bytes) -> bytes:
        init = spnego.decode_init(token)
        if spnego.NTLMSSP_OID not in init.mechanisms:
            raise LogonFailure("", "the client does not offer NTLM")
        self._mech_list = init.mech_list
        self._first_choice = init.mechanisms[0] == spnego.NTLMSSP_OID
        if not self._first_choice or not init.mech_token:
            # The token is for the mechanism the client hoped for: ask for ours.
            return spnego.encode_response(spnego.ACCEPT_INCOMPLETE, b"", b"", with_mechanism=True)
        answer = self._acceptor.step(init.mech_token)
        return spnego.encode_response(spnego.ACCEPT_INCOMPLETE, answer, b"", with_mechanism=True)
