"""A whole login with the conformance suite's own client half: what is let in, and every way to be refused."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.client.login import MECH_LIST, decode_neg_token_resp, der, neg_token_init, neg_token_resp
from conformance.client.ntlm import KEY_EXCHANGE, WANTED, Credentials, NtlmClient
from smbserver.auth import spnego
from smbserver.auth.accounts import Account, Accounts
from smbserver.auth.login import MAX_LEGS, Login
from smbserver.auth.ntlm import Acceptor, LogonFailure, Names
from smbserver.errors import StatusError
from smbserver.nt import status
from tests.lines_run import lines_run

NOW = 133_000_000_000_000_000
MIC_AT = 72
KERBEROS = bytes.fromhex("06092a864886f712010202")
NTLM = bytes.fromhex("060a2b06010401823702020a")

CHANCE = itertools.count(1)


def unlike(count: int) -> bytes:
    """Bytes that no other call gives."""
    return next(CHANCE).to_bytes(count, "big")


def new_login(guest: bool = False, random: Callable[[int], bytes] = unlike) -> Login:
    """A server's half, for ann with the password "secret"."""
    accounts = Accounts([Account.from_password("ann", "secret"), Account.from_password("bob", "other")], guest)
    return Login(Acceptor(accounts, Names("SERVER", "WORKGROUP"), random, NOW))


def client(user: str = "ann", password: str = "secret", domain: str = "", flags: int = WANTED) -> NtlmClient:
    """A client's half."""
    return NtlmClient(Credentials(user, password, domain), target="cifs/server", flags=flags)


def offer(*mechanisms: bytes, token: bytes = b"") -> bytes:
    """A first token with several mechanisms."""
    inner = der(0xA0, der(0x30, b"".join(mechanisms))) + (der(0xA2, der(0x04, token)) if token else b"")
    return der(0x60, bytes.fromhex("06062b0601050502") + der(0xA0, der(0x30, inner)))


def raw(login: Login, ntlm: NtlmClient) -> bytes:
    """Both legs without SPNEGO."""
    return login.step(ntlm.authenticate(login.step(ntlm.negotiate())))


def wrapped(login: Login, ntlm: NtlmClient, mic: bytes | None = b"") -> bytes:
    """Both legs in SPNEGO; `mic` empty: the right one, None: none."""
    challenge = decode_neg_token_resp(login.step(neg_token_init(ntlm.negotiate())))
    assert challenge[0] == bytes((spnego.ACCEPT_INCOMPLETE,))
    message = ntlm.authenticate(challenge[2])
    return login.step(neg_token_resp(message, ntlm.mech_list_mic(MECH_LIST) if mic == b"" else mic or b""))


def refused(call: Callable[[], object]) -> LogonFailure:
    """The failure that a call ends with."""
    with pytest.raises(LogonFailure) as failure:
        call()
    assert failure.value.status == status.LOGON_FAILURE
    return failure.value


def test_raw() -> None:
    login, ntlm = new_login(), client()
    assert raw(login, ntlm) == b""
    assert login.result is not None
    assert login.result.identity == ("ann", "SERVER", False, False)
    assert login.result.session_key == ntlm.session_key


def test_spnego_with_both_mics() -> None:
    login, ntlm = new_login(), client()
    answer = decode_neg_token_resp(wrapped(login, ntlm))
    assert login.result is not None
    assert login.result.session_key == ntlm.session_key
    assert answer[0] == bytes((spnego.ACCEPT_COMPLETED,))
    assert answer[3] == ntlm.mech_list_mic(MECH_LIST, from_server=True)


def test_spnego_without_the_optional_mic() -> None:
    login = new_login()
    answer = decode_neg_token_resp(wrapped(login, client(), None))
    assert login.result is not None
    assert 3 not in answer


def test_a_wrong_mech_list_mic() -> None:
    login = new_login()
    assert "mechListMIC" in refused(lambda: wrapped(login, client(), b"\1" + bytes(15))).reason
    assert login.result is None


@pytest.mark.parametrize("legs", ["hopeful", "empty"])
@pytest.mark.parametrize("mic", ["right", "wrong", "absent", "of another list"])
def test_not_the_first_choice(legs: str, mic: str) -> None:
    """RFC 4178 5: then the MIC is what proves that nobody took the first choice out."""
    login, ntlm = new_login(), client()
    mech_list = der(0x30, KERBEROS + NTLM)
    first = decode_neg_token_resp(login.step(offer(KERBEROS, NTLM, token=b"a ticket" if legs == "hopeful" else b"")))
    assert first[1] == NTLM[2:]
    assert 2 not in first
    challenge = decode_neg_token_resp(login.step(neg_token_resp(ntlm.negotiate())))
    message = ntlm.authenticate(challenge[2])
    if mic == "right":
        answer = decode_neg_token_resp(login.step(neg_token_resp(message, ntlm.mech_list_mic(mech_list))))
        assert login.result is not None
        assert answer[3] == ntlm.mech_list_mic(mech_list, from_server=True)
        return
    sent = {"wrong": bytes(16), "absent": b"", "of another list": ntlm.mech_list_mic(MECH_LIST)}[mic]
    assert refused(lambda: login.step(neg_token_resp(message, sent))).user == "ann"
    assert login.result is None


def test_a_client_without_ntlm() -> None:
    assert refused(lambda: new_login().step(offer(KERBEROS))).user == ""
    assert refused(lambda: new_login().step(offer())).user == ""


@pytest.mark.parametrize("way", [raw, wrapped])
@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        ("ann", "Secret", "wrong password"),
        ("ann", "", "wrong password"),
        ("ann", "other", "wrong password"),
        ("carl", "secret", "unknown user"),
        ("ann@elsewhere", "secret", "unknown user"),
        ("elsewhere\\ann", "secret", "unknown user"),
        ("ann ", "secret", "unknown user"),
    ],
)
def test_wrong_people(way: Callable[[Login, NtlmClient], bytes], user: str, password: str, reason: str) -> None:
    login = new_login()
    failure = refused(lambda: way(login, client(user, password)))
    assert (failure.user, failure.reason) == (user, reason)
    assert login.result is None


@pytest.mark.parametrize("way", [raw, wrapped])
def test_anonymous_is_refused_even_with_guests(way: Callable[[Login, NtlmClient], bytes]) -> None:
    for guest in (False, True):
        login = new_login(guest)
        assert refused(lambda login=login: way(login, client("", ""))).reason == "anonymous"  # type: ignore[misc]


@pytest.mark.parametrize("user", ["ANN", "Ann", "ann"])
def test_the_case_of_a_name_does_not_matter_and_the_account_names_the_user(user: str) -> None:
    login = new_login()
    raw(login, client(user))
    assert login.result is not None
    assert login.result.identity.user == "ann"


@pytest.mark.parametrize("domain", ["", "SERVER", "WORKGROUP", "ELSEWHERE", "MicrosoftAccount"])
def test_a_domain_is_part_of_the_proof_and_of_nothing_else(domain: str) -> None:
    """CVE-2020-25717: what the client calls its domain never chooses an identity."""
    login = new_login()
    raw(login, client(domain=domain))
    assert login.result is not None
    assert login.result.identity == ("ann", "SERVER", False, False)
    assert refused(lambda: raw(new_login(), client(password="other", domain=domain))).reason == "wrong password"


def test_the_domain_cannot_be_changed_on_the_way() -> None:
    login, ntlm = new_login(), client(domain="ONE")
    message = ntlm.authenticate(login.step(ntlm.negotiate()))
    changed = message.replace("ONE".encode("utf-16-le"), "TWO".encode("utf-16-le"))
    assert refused(lambda: login.step(changed)).reason == "wrong password"


def test_guests_are_unknown_users_where_guests_are_allowed() -> None:
    for way in (raw, wrapped):
        login = new_login(guest=True)
        way(login, client("carl", "whatever"))
        assert login.result is not None
        assert login.result.identity.is_guest
        assert login.result.session_key == bytes(16)
        known = new_login(guest=True)
        assert refused(lambda: way(known, client("Ann", "whatever"))).reason == "wrong password"  # noqa: B023
        assert known.result is None


def test_without_key_exchange_the_base_key_is_the_session_key() -> None:
    for way in (raw, wrapped):
        login, ntlm = new_login(), client(flags=WANTED & ~KEY_EXCHANGE)
        way(login, ntlm)
        assert login.result is not None
        assert login.result.session_key == ntlm.session_key


def test_any_changed_byte_of_the_three_messages_is_noticed() -> None:
    """The MIC covers all three; the few bytes before it that NTLM ignores are covered as well."""
    for at in range(12, 40, 3):
        login, ntlm = new_login(), client()
        negotiate = bytearray(ntlm.negotiate())
        challenge = login.step(bytes(negotiate))
        message = bytearray(ntlm.authenticate(challenge))
        message[at if at < 12 else MIC_AT + at % 16] ^= 1
        assert "MIC" in refused(lambda login=login, message=message: login.step(bytes(message))).reason  # type: ignore[misc]


def test_a_changed_negotiate_message_breaks_the_mic() -> None:
    login, ntlm = new_login(), client()
    negotiate = bytearray(ntlm.negotiate())
    negotiate[12] ^= 0x10  # without SIGN
    message = ntlm.authenticate(login.step(bytes(negotiate)))
    assert "MIC" in refused(lambda: login.step(message)).reason


def test_a_mic_that_was_promised_and_cut_away() -> None:
    login, ntlm = new_login(), client()
    message = bytearray(ntlm.authenticate(login.step(ntlm.negotiate())))
    message[MIC_AT : MIC_AT + 16] = bytes(16)
    assert "MIC" in refused(lambda: login.step(bytes(message))).reason


def test_every_login_has_its_own_challenge() -> None:
    challenges = {new_login().step(client().negotiate())[24:32] for _ in range(50)}
    assert len(challenges) == 50


def test_a_recorded_login_does_not_work_again() -> None:
    login, ntlm = new_login(), client()
    negotiate = ntlm.negotiate()
    message = ntlm.authenticate(login.step(negotiate))
    login.step(message)
    again = new_login()
    again.step(negotiate)
    assert refused(lambda: again.step(message)).reason == "wrong password"


def test_our_own_challenge_is_not_accepted_back() -> None:
    login = new_login()
    challenge = login.step(client().negotiate())
    with pytest.raises(StatusError) as failure:
        login.step(challenge)
    assert failure.value.status == status.INVALID_PARAMETER


def test_a_finished_login_takes_no_further_leg() -> None:
    for way in (raw, wrapped):
        login, ntlm = new_login(), client()
        way(login, ntlm)
        for more in (b"", ntlm.negotiate(), neg_token_resp(b"x")):
            with pytest.raises(StatusError) as failure:
                login.step(more)
            assert failure.value.status == status.INVALID_PARAMETER


def test_legs_are_bounded() -> None:
    login = new_login()
    login.step(offer(KERBEROS, NTLM))
    for _ in range(MAX_LEGS + 2):
        with pytest.raises(StatusError):
            login.step(neg_token_resp(b""))
    assert login.result is None


def test_a_form_is_kept() -> None:
    login, ntlm = new_login(), client()
    message = ntlm.authenticate(login.step(ntlm.negotiate()))
    with pytest.raises(StatusError):
        login.step(neg_token_resp(message))
    login, ntlm = new_login(), client()
    answer = decode_neg_token_resp(login.step(neg_token_init(ntlm.negotiate())))
    with pytest.raises(StatusError):
        login.step(ntlm.authenticate(answer[2]))


@settings(deadline=None, max_examples=60)
@given(
    tokens=st.lists(
        st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda b: b"NTLMSSP\0" + b)), max_size=4
    )
)
def test_random_tokens_never_log_in(tokens: list[bytes]) -> None:  # fmt: skip
    login = new_login(guest=True)
    for token in tokens:
        try:
            login.step(token)
        except StatusError:
            pass  # the documented end
    assert login.result is None


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_changed_second_message_fails_as_documented(data: st.DataObject) -> None:
    login, ntlm = new_login(), client()
    message = bytearray(ntlm.authenticate(login.step(ntlm.negotiate())))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        login.step(bytes(message))
    except StatusError:
        assert login.result is None
    else:
        assert login.result is not None  # changes that undo each other
        assert bytes(message) == bytes(message)


@pytest.mark.pure(reason="counts lines of Python")
def test_a_login_costs_far_less_than_a_connection_may() -> None:
    """A connection with its login has 8 ms of processor time; this part took 0.6 ms on an idle machine."""
    login, ntlm = new_login(), client()
    challenges: list[bytes] = []
    first = neg_token_init(ntlm.negotiate())
    lines = lines_run(lambda: challenges.append(login.step(first)))
    message = ntlm.authenticate(decode_neg_token_resp(challenges[0])[2])
    last = neg_token_resp(message, ntlm.mech_list_mic(MECH_LIST))
    assert lines + lines_run(lambda: login.step(last)) < 12_000  # 7,800
