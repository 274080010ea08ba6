"""NTLM against the example of [MS-NLMP] 4.2.4, and what an acceptor refuses."""

import hmac

import pytest

from conformance.client.ntlm import ntowf_v2
from smbserver.auth import ntlm_messages
from smbserver.auth.accounts import Account, Accounts, nt_hash
from smbserver.auth.ntlm import Acceptor, LogonFailure, MechListMic, Names
from smbserver.auth.ntlm_security import MessageSecurity
from smbserver.crypto.rc4 import RC4
from smbserver.errors import StatusError, WireError
from smbserver.nt import status

SERVER_CHALLENGE = bytes.fromhex("0123456789abcdef")
FLAGS = 0xE28A8233
RANDOM_SESSION_KEY = b"\x55" * 16
TARGET_INFO = bytes.fromhex("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000")
CHALLENGE_MESSAGE = bytes.fromhex(
    "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f"
    "53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"
)
AUTHENTICATE_MESSAGE = bytes.fromhex(
    "4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000"
    "d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200"
    "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"
    "68cd0ab851e51c96aabc927bebef6a1c010100000000000000000000000000 00aaaaaaaaaaaaaaaa0000000002000c00"
    "44006f006d00610069006e0001000c0053006500720076006500720000000000 00000000c5dad2544fc9799094ce1ce90bc9d03e"
)
# A NEGOTIATE_MESSAGE that asks for everything the example has.
NEGOTIATE_MESSAGE = b"NTLMSSP\0\1\0\0\0" + FLAGS.to_bytes(4, "little") + bytes(16)


def acceptor(password: str = "Password", name: str = "User") -> Acceptor:
    """One whose challenge is the example's."""
    accounts = Accounts([Account.from_password(name, password)])
    return Acceptor(accounts, Names("Server", "Domain"), lambda count: SERVER_CHALLENGE[:count], 0)


def challenged(password: str = "Password", name: str = "User") -> Acceptor:
    """One that waits for the AUTHENTICATE_MESSAGE."""
    waiting = acceptor(password, name)
    waiting.step(NEGOTIATE_MESSAGE)
    return waiting


def test_ntowf_v1_of_4_2_2_1_2() -> None:
    assert nt_hash("Password").hex() == "a4f49c406510bdcab6824ee7c30fd852"


def test_ntowf_v2_of_4_2_4_1_1() -> None:
    who = ("USER" + "Domain").encode("utf-16-le")
    assert hmac.digest(nt_hash("Password"), who, "md5").hex() == "0c868a403bfd7a93a3001ef22ef02e3f"
    assert ntowf_v2("Password", "User", "Domain").hex() == "0c868a403bfd7a93a3001ef22ef02e3f"


def test_av_pairs_of_4_2_4() -> None:
    pairs = ntlm_messages.decode_av_pairs(TARGET_INFO)
    assert pairs == {2: "Domain".encode("utf-16-le"), 1: "Server".encode("utf-16-le")}
    assert ntlm_messages.encode_av_pairs(list(pairs.items())) == TARGET_INFO


def test_challenge_message_of_4_2_4_3() -> None:
    ours = ntlm_messages.encode_challenge(FLAGS, SERVER_CHALLENGE, "Server", TARGET_INFO)
    version = slice(48, 56)  # ours is another, 2.2.2.10
    assert ours[: version.start] == CHALLENGE_MESSAGE[: version.start]
    assert ours[version.stop :] == CHALLENGE_MESSAGE[version.stop :]
    assert ours[version][-1] == 15


def test_authenticate_message_of_4_2_4_3() -> None:
    message = ntlm_messages.decode_authenticate(AUTHENTICATE_MESSAGE)
    assert (message.domain, message.user, message.workstation) == ("Domain", "User", "COMPUTER")
    assert message.lm_response.hex() == "86c35097ac9cec102554764a57cccc19" + "aa" * 8
    assert message.nt_response[:16].hex() == "68cd0ab851e51c96aabc927bebef6a1c"
    assert message.encrypted_session_key.hex() == "c5dad2544fc9799094ce1ce90bc9d03e"


def test_the_example_logs_in_and_has_the_examples_key() -> None:
    waiting = challenged()
    assert waiting.step(AUTHENTICATE_MESSAGE) == b""
    assert waiting.result is not None
    assert waiting.result.identity.user == "User"
    assert waiting.result.session_key == RANDOM_SESSION_KEY


def test_session_base_key_of_4_2_4_1_2() -> None:
    base = bytes.fromhex("8de40ccadbc14a82f15cb0ad0de95ca3")
    assert RC4(base).update(RANDOM_SESSION_KEY).hex() == "c5dad2544fc9799094ce1ce90bc9d03e"
    without = bytearray(AUTHENTICATE_MESSAGE)
    without[63] &= ~0x40  # no KEY_EXCH: the session key is the base key itself
    waiting = challenged()
    waiting.step(bytes(without))
    assert waiting.result is not None
    assert waiting.result.session_key == base


def test_signature_of_4_2_4_4() -> None:
    """GSS_GetMIC and the signature of GSS_WrapEx are the same function of the text, 3.4.4.2; here without sealing it.

    The example seals 18 bytes before the checksum with the same RC4 stream; a MIC's checksum is the stream's first.
    """
    sign_key = bytes.fromhex("4788dc861b4782f35d43fd98fe1a2d39")
    seal_key = bytes.fromhex("59f600973cc4960a25480a7c196e4c58")
    text = "Plaintext".encode("utf-16-le")
    checksum = hmac.digest(sign_key, bytes(4) + text, "md5")[:8]
    assert checksum.hex() == "70352851f2564309"
    stream = RC4(seal_key)
    assert stream.update(text).hex() == "54e50165bf1936dc996020c1811b0f06fb5f"
    assert stream.update(checksum).hex() == "7fb38ec5c55d4976"
    mic = MechListMic(text, MessageSecurity(RANDOM_SESSION_KEY, strong=True, key_exchange=True))
    assert mic.client_is(b"\1\0\0\0" + RC4(seal_key).update(checksum) + bytes(4))
    plain = MechListMic(text, MessageSecurity(RANDOM_SESSION_KEY, strong=True, key_exchange=False))
    assert plain.client_is(b"\1\0\0\0" + checksum + bytes(4))


@pytest.mark.parametrize(
    ("waiting", "reason"),
    [
        (challenged(password="password"), "wrong password"),
        (challenged(password=""), "wrong password"),
        (challenged(name="Other"), "unknown user"),
    ],
)
def test_who_is_refused(waiting: Acceptor, reason: str) -> None:
    with pytest.raises(LogonFailure) as refused:
        waiting.step(AUTHENTICATE_MESSAGE)
    assert (refused.value.status, refused.value.user, refused.value.reason) == (status.LOGON_FAILURE, "User", reason)
    assert waiting.result is None
    with pytest.raises(StatusError):
        waiting.step(AUTHENTICATE_MESSAGE)


def test_another_challenge_needs_another_response() -> None:
    accounts = Accounts([Account.from_password("User", "Password")])
    waiting = Acceptor(accounts, Names("Server", "Domain"), lambda count: bytes(count), 0)
    waiting.step(NEGOTIATE_MESSAGE)
    with pytest.raises(LogonFailure):
        waiting.step(AUTHENTICATE_MESSAGE)


@pytest.mark.parametrize("name", ["User", "Other"])
@pytest.mark.parametrize("size", [25, 43, 44, 47, 60])
def test_a_cut_ntlm_v2_response_is_malformed_for_known_and_unknown(name: str, size: int) -> None:
    """smbtorture's smb2.session.ntlmssp_bug14932 wants INVALID_PARAMETER here, as Windows answers."""
    message = bytearray(AUTHENTICATE_MESSAGE)
    message[20:24] = size.to_bytes(2, "little") * 2
    with pytest.raises(WireError):
        challenged(name=name).step(bytes(message))


@pytest.mark.parametrize("size", [0, 16, 24])
def test_lm_and_ntlm_v1_are_refused_by_their_size(size: int) -> None:
    message = bytearray(AUTHENTICATE_MESSAGE)
    message[20:24] = size.to_bytes(2, "little") * 2
    with pytest.raises(LogonFailure) as refused:
        challenged().step(bytes(message))
    assert refused.value.reason == "no NTLMv2 response"


def test_authenticate_before_negotiate_and_negotiate_twice() -> None:
    with pytest.raises(WireError):
        acceptor().step(AUTHENTICATE_MESSAGE)
    with pytest.raises(WireError):
        challenged().step(NEGOTIATE_MESSAGE)
    with pytest.raises(WireError):
        acceptor().step(CHALLENGE_MESSAGE)  # our own kind of message, sent back to us


def test_without_a_character_set_there_is_no_login() -> None:
    with pytest.raises(WireError):
        acceptor().step(NEGOTIATE_MESSAGE[:12] + b"\0\2\0\0" + bytes(16))
    message = bytearray(AUTHENTICATE_MESSAGE)
    message[60] &= ~3
    with pytest.raises(WireError):
        challenged().step(bytes(message))


def in_oem() -> bytes:
    """The example's message with its names in the other character set, each at the beginning of its place."""
    message = bytearray(AUTHENTICATE_MESSAGE)
    message[60] = message[60] & ~1 | 2
    for field_at, text in ((28, b"Domain"), (36, b"User"), (44, b"COMPUTER")):
        place = int.from_bytes(message[field_at + 4 : field_at + 8], "little")
        message[field_at : field_at + 4] = len(text).to_bytes(2, "little") * 2
        message[place : place + len(text)] = text
    return bytes(message)


def test_a_client_without_unicode() -> None:
    """[MS-NLMP] 3.2.5.1.1: OEM is chosen where the client has nothing else; so ask JavaScript's libraries."""
    waiting = acceptor()
    challenge = waiting.step(NEGOTIATE_MESSAGE[:12] + (FLAGS & ~1).to_bytes(4, "little") + bytes(16))
    assert challenge[20] & 3 == 2
    assert challenge[56:62] == b"Server"
    assert int.from_bytes(challenge[12:14], "little") == 6
    assert waiting.step(in_oem()) == b""
    assert waiting.result is not None
    assert waiting.result.identity.user == "User"


def test_who_can_do_both_is_answered_in_unicode() -> None:
    assert acceptor().step(NEGOTIATE_MESSAGE)[20] & 3 == 1


@pytest.mark.parametrize("cut", range(0, len(AUTHENTICATE_MESSAGE), 7))
def test_truncated_messages_fail_as_documented(cut: int) -> None:
    with pytest.raises((WireError, LogonFailure)):
        challenged().step(AUTHENTICATE_MESSAGE[:cut])
    if cut < 16:
        with pytest.raises(WireError):
            acceptor().step(NEGOTIATE_MESSAGE[:cut])


@pytest.mark.parametrize("field_at", range(12, 60, 8))
@pytest.mark.parametrize("offset", [0, 12, 63, 0xFFFFFFFF, len(AUTHENTICATE_MESSAGE)])
def test_fields_stay_inside_their_message(field_at: int, offset: int) -> None:
    message = bytearray(AUTHENTICATE_MESSAGE)
    message[field_at + 4 : field_at + 8] = offset.to_bytes(4, "little")
    with pytest.raises(WireError):
        ntlm_messages.decode_authenticate(bytes(message))


def test_the_key_needs_sixteen_bytes() -> None:
    message = bytearray(AUTHENTICATE_MESSAGE)
    message[52:56] = (8).to_bytes(2, "little") * 2
    with pytest.raises(LogonFailure) as refused:
        challenged().step(bytes(message))
    assert refused.value.reason == "no session key"


@pytest.mark.parametrize("pairs", [b"", b"\1\0", b"\1\0\4\0ab", b"\1\0\0\0" * 32, b"\1\0\0\0" * 40 + bytes(4)])
def test_av_pairs_without_an_end(pairs: bytes) -> None:
    with pytest.raises(WireError):
        ntlm_messages.decode_av_pairs(pairs)


def test_the_first_of_two_av_pairs_counts_and_an_unknown_one_is_kept() -> None:
    assert ntlm_messages.decode_av_pairs(b"\6\0\1\0a\6\0\1\0b\x63\0\0\0" + bytes(4)) == {6: b"a", 0x63: b""}


def test_an_oversized_message_is_refused() -> None:
    with pytest.raises(WireError):
        acceptor().step(NEGOTIATE_MESSAGE + bytes(ntlm_messages.MAX_MESSAGE))


def test_what_is_not_offered_is_not_granted() -> None:
    waiting = acceptor()
    asked = 0xFFFFFFFF
    challenge = waiting.step(NEGOTIATE_MESSAGE[:12] + asked.to_bytes(4, "little") + bytes(16))
    granted = int.from_bytes(challenge[20:24], "little")
    assert not granted & (ntlm_messages.LM_KEY | ntlm_messages.ANONYMOUS | ntlm_messages.OEM)
    assert granted & ntlm_messages.EXTENDED_SESSIONSECURITY
