"""Every part of a login against one that Windows made: hash chain, tokens, MICs, signature of the last reply."""

from smbserver.auth import ntlm_messages, spnego
from smbserver.auth.accounts import Accounts
from smbserver.auth.ntlm import Acceptor, MechListMic, Names
from smbserver.auth.ntlm_security import MessageSecurity
from smbserver.crypto import kdf, preauth, signing
from smbserver.wire import header, session_setup

from . import windows_login as w

# The published value after each message, its first sixteen bytes.
CHAIN = [
    (w.NEGOTIATE_REQUEST, "DD94EFC5321BB618A2E208BA8920D2F4"),
    (w.NEGOTIATE_RESPONSE, "324BFA92A4F3A190E466EBEA08D9C110"),
    (w.SETUP_REQUEST_1, "AC0B0F2B9986257700365E416D142A6E"),
    (w.SETUP_RESPONSE_1, "2729E3440DFDDD839E37193F6E8F20C2"),
    (w.SETUP_REQUEST_2, "0DD13628CC3ED218EF9DF9772D436D08"),
]


def test_preauthentication_hash_and_keys() -> None:
    value = preauth.EMPTY
    for message, expected in CHAIN:
        value = preauth.extend(value, [message])
        assert value[:16].hex().upper() == expected
    assert kdf.keys_311(w.SESSION_KEY, value, 16).signing == w.SIGNING_KEY


def test_the_last_reply_is_signed_with_cmac() -> None:
    message = w.SETUP_RESPONSE_2
    blank = message[: header.SIGNATURE_OFFSET] + bytes(16) + message[header.SIZE :]
    signature = signing.aes_cmac(w.SIGNING_KEY)([blank], 3, True, False)
    assert signature == message[header.SIGNATURE_OFFSET : header.SIZE]


def test_requests_are_taken_apart() -> None:
    for message, token in ((w.SETUP_REQUEST_1, w.SETUP_TOKEN_1), (w.SETUP_REQUEST_2, w.SETUP_TOKEN_2)):
        assert session_setup.decode(memoryview(message)).security_buffer == token


def test_tokens_of_the_client() -> None:
    first = spnego.decode_init(w.SETUP_TOKEN_1)
    assert first.mechanisms == (spnego.NTLMSSP_OID,)
    assert first.mech_list.hex() == "300c060a2b06010401823702020a"
    assert ntlm_messages.decode_negotiate(first.mech_token) == 0xE2088297
    second = spnego.decode_response(w.SETUP_TOKEN_2)
    message = ntlm_messages.decode_authenticate(second.response_token)
    assert (message.domain, message.user, message.workstation) == ("SUT311", "administrator", "DRIVER311")
    assert len(message.nt_response) == 0xEE
    assert len(message.encrypted_session_key) == 16


def test_tokens_of_the_server_are_as_ours() -> None:
    ntlm = w.ANSWER_1[w.ANSWER_1.index(b"NTLMSSP\0") :]
    assert spnego.encode_response(spnego.ACCEPT_INCOMPLETE, ntlm, b"", with_mechanism=True) == w.ANSWER_1
    assert spnego.encode_response(spnego.ACCEPT_COMPLETED, b"", w.SERVER_MIC, with_mechanism=False) == w.ANSWER_2


def test_mech_list_mics() -> None:
    mech_list = spnego.decode_init(w.SETUP_TOKEN_1).mech_list
    mic = MechListMic(mech_list, MessageSecurity(w.SESSION_KEY, strong=True, key_exchange=True))
    assert mic.client_is(spnego.decode_response(w.SETUP_TOKEN_2).mech_list_mic)
    assert mic.server() == w.SERVER_MIC
    again = MechListMic(mech_list, MessageSecurity(w.SESSION_KEY, strong=True, key_exchange=True))
    assert not again.client_is(w.SERVER_MIC)


def test_mic_of_the_three_messages() -> None:
    negotiate = spnego.decode_init(w.SETUP_TOKEN_1).mech_token
    challenge = w.ANSWER_1[w.ANSWER_1.index(b"NTLMSSP\0") :]
    raw = spnego.decode_response(w.SETUP_TOKEN_2).response_token
    message = ntlm_messages.decode_authenticate(raw)
    acceptor = Acceptor(Accounts([]), Names("SUT311", "SUT311"), bytes, 0)
    acceptor._messages = [negotiate, challenge, raw]
    acceptor._check_mic(
        message, ntlm_messages.decode_av_pairs(message.nt_response[44:]), w.SESSION_KEY
    )  # raises when it is wrong
