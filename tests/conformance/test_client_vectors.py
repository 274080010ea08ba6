"""The client's cryptography against published vectors, so that a mistake is not shared with the server."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conformance.client import contexts, ntlm, protocol, security

KEY = bytes.fromhex("0c868a403bfd7a93a3001ef22ef02e3f")
SERVER_CHALLENGE = bytes.fromhex("0123456789abcdef")
CLIENT_CHALLENGE = b"\xaa" * 8
TARGET_INFO = bytes.fromhex("02000c0044006f006d00610069006e0001000c005300650072007600650072000000 0000")


def test_md4_of_rfc_1320() -> None:
    assert ntlm.md4(b"").hex() == "31d6cfe0d16ae931b73c59d7e0c089c0"
    assert ntlm.md4(b"abc").hex() == "a448017aaf21d8525fc10ae87aa6729d"
    assert ntlm.md4(b"1234567890" * 8).hex() == "e33b4ddc9c38f2199c3e7b164fcc0536"


def test_ntowf_v2_of_ms_nlmp_4_2_4_1_1() -> None:
    assert ntlm.ntowf_v2("Password", "User", "Domain") == KEY


def test_ntlmv2_response_of_ms_nlmp_4_2_4() -> None:
    response, lm_response, session_key = ntlm.ntlmv2_response(
        KEY, SERVER_CHALLENGE, CLIENT_CHALLENGE, bytes(8), TARGET_INFO
    )
    assert response[:16].hex() == "68cd0ab851e51c96aabc927bebef6a1c"
    assert len(response) == 0x54
    assert lm_response.hex() == "86c35097ac9cec102554764a57cccc19" + "aa" * 8
    assert session_key.hex() == "8de40ccadbc14a82f15cb0ad0de95ca3"


def test_encrypted_session_key_of_ms_nlmp_4_2_4_2_3() -> None:
    key = bytes.fromhex("8de40ccadbc14a82f15cb0ad0de95ca3")
    assert ntlm.rc4(key, b"\x55" * 16).hex() == "c5dad2544fc9799094ce1ce90bc9d03e"


def test_av_pairs_go_there_and_back() -> None:
    assert ntlm.encode_av_pairs(ntlm.decode_av_pairs(TARGET_INFO)) == TARGET_INFO


def test_signing_key_of_smb_3_0() -> None:
    key = bytes.fromhex("7CD451825D0450D235424E44BA6E78CC")
    derived = security.derive_key(key, b"SMB2AESCMAC\0", b"SmbSign\0")
    assert derived.hex().upper() == "0B7E9C5CAC36C0F6EA9AB275298CEDCE"


def test_cmac_of_rfc_4493() -> None:
    signer = security.Signer(protocol.AES_CMAC, bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    message = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert signer.signature(message, 1, from_server=True).hex() == "070a16b46b4d4144f79bdd9dd04a287c"


def test_gmac_nonce_of_ms_smb2_3_1_4_1() -> None:
    signer = security.Signer(protocol.AES_GMAC, bytes(16))
    nonce = (7).to_bytes(8, "little") + b"\1\0\0\0"
    assert signer.signature(b"message", 7, from_server=True) == AESGCM(bytes(16)).encrypt(nonce, b"", b"message")
    nonce = (7).to_bytes(8, "little") + b"\2\0\0\0"
    assert signer.signature(b"message", 7, from_server=False, cancel=True) == AESGCM(bytes(16)).encrypt(
        nonce, b"", b"message"
    )


def test_create_contexts_stand_where_their_headers_say() -> None:
    chain = contexts.encode_create_contexts([(b"MxAc", b""), contexts.lease_v1(b"k" * 16, 7)])
    assert contexts.decode_create_contexts(chain)[b"RqLs"][:20] == b"k" * 16 + b"\7\0\0\0"
    assert len(chain) == 24 + 24 + 32
