"""SPNEGO tokens: those of real clients, and everything that only looks like one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.der import encoder
from pyasn1.type import univ

from smbserver.auth import spnego
from smbserver.errors import WireError
from tests.lines_run import lines_run

from . import windows_login as w

# smbclient 4.17 to this server: its first token, and the second, whose NTLM message is cut to its first bytes here.
SMBCLIENT_INIT = bytes.fromhex(
    "604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a04284e544c4d535350000100000015820862"
    "00000000280000000000000028000000060100000000000f"
)
SMBCLIENT_RESPONSE = bytes.fromhex("a1243022a20c040a4e544c4d535350000300a312041001000000bcf82615a00507cf00000000")
KERBEROS = "1.2.840.113554.1.2.2"
MS_KERBEROS = "1.2.840.48018.1.2.2"
NEGOEX = "1.3.6.1.4.1.311.2.2.30"


def der(tag: int, *contents: bytes) -> bytes:
    """One element; the lengths are made by nothing of ours."""
    body = b"".join(contents)
    octets = bytes(encoder.encode(univ.OctetString(body)))
    return bytes((tag,)) + octets[1:]


def oid(text: str) -> bytes:
    """An object identifier."""
    return bytes(encoder.encode(univ.ObjectIdentifier(text)))


SPNEGO = oid(spnego.SPNEGO_OID)
NTLM = oid(spnego.NTLMSSP_OID)


def init(mechanisms: bytes, *rest: bytes) -> bytes:
    """An InitialContextToken."""
    return der(0x60, SPNEGO, der(0xA0, der(0x30, der(0xA0, der(0x30, mechanisms)), *rest)))


def response(*fields: bytes) -> bytes:
    """A NegTokenResp."""
    return der(0xA1, der(0x30, *fields))


def token(data: bytes) -> bytes:
    """The field mechToken or responseToken."""
    return der(0xA2, der(0x04, data))


def test_smbclient() -> None:
    first = spnego.decode_init(SMBCLIENT_INIT)
    assert first.mechanisms == (spnego.NTLMSSP_OID,)
    assert first.mech_list == der(0x30, NTLM)
    assert first.mech_token.startswith(b"NTLMSSP\0\1\0\0\0")
    second = spnego.decode_response(SMBCLIENT_RESPONSE)
    assert second.response_token == b"NTLMSSP\0\3\0"
    assert second.mech_list_mic.hex() == "01000000bcf82615a00507cf00000000"


def test_a_windows_client_in_a_domain_names_four_mechanisms() -> None:
    mechanisms = [MS_KERBEROS, KERBEROS, NEGOEX, spnego.NTLMSSP_OID]
    first = spnego.decode_init(init(b"".join(map(oid, mechanisms)), token(b"a Kerberos token")))
    assert first.mechanisms == tuple(mechanisms)
    assert first.mech_list == der(0x30, *map(oid, mechanisms))
    assert first.mech_token == b"a Kerberos token"


def test_optional_fields() -> None:
    flags = der(0xA1, bytes.fromhex("030205a0"))
    first = spnego.decode_init(init(NTLM, flags, token(b"x"), der(0xA3, der(0x04, b"mic"))))
    assert first.mech_token == b"x"
    assert spnego.decode_init(init(NTLM)).mech_token == b""
    assert spnego.decode_response(response()) == (b"", b"")
    assert spnego.decode_response(response(der(0xA0, b"\x0a\1\1"))) == (b"", b"")


def test_an_empty_list_has_no_mechanism() -> None:
    assert spnego.decode_init(init(b"")).mechanisms == ()


def test_a_mechanism_named_twice_stays_in_the_list_that_the_mic_covers() -> None:
    first = spnego.decode_init(init(NTLM + NTLM))
    assert first.mechanisms == (spnego.NTLMSSP_OID,) * 2
    assert first.mech_list == der(0x30, NTLM, NTLM)


def test_a_large_token_is_read() -> None:
    big = bytes(40_000)
    assert spnego.decode_init(init(NTLM, token(big))).mech_token == big
    assert spnego.decode_response(response(token(big))).response_token == big


@pytest.mark.parametrize("whole", [SMBCLIENT_INIT, SMBCLIENT_RESPONSE, w.SETUP_TOKEN_1])
def test_truncations_and_trailing_bytes(whole: bytes) -> None:
    decode = spnego.decode_init if whole[0] == 0x60 else spnego.decode_response
    decode(whole)
    for cut in range(len(whole)):
        with pytest.raises(WireError):
            decode(whole[:cut])
    for more in (b"\0", b"\0\0", whole):
        with pytest.raises(WireError):
            decode(whole + more)


@pytest.mark.parametrize("whole", [SMBCLIENT_INIT, SMBCLIENT_RESPONSE])
def test_every_changed_byte_is_a_value_or_a_wire_error(whole: bytes) -> None:
    decode = spnego.decode_init if whole[0] == 0x60 else spnego.decode_response
    for at in range(len(whole)):
        for value in (0x00, 0x1F, 0x7F, 0x80, 0x81, 0x84, 0xFF, whole[at] ^ 0x20, whole[at] ^ 1):
            try:
                decode(whole[:at] + bytes((value,)) + whole[at + 1 :])
            except WireError:
                pass  # the other allowed end


INSIDE = der(0x30, der(0xA0, der(0x30, NTLM)))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\x60",
        b"\x60\x80" + SPNEGO + der(0xA0, INSIDE) + b"\0\0",  # indefinite length
        der(0x60, SPNEGO, b"\xa0\x80" + INSIDE + b"\0\0"),
        b"\x60\x81" + SMBCLIENT_INIT[1:],  # a length in more bytes than it needs
        b"\x60\x82\0" + SMBCLIENT_INIT[1:],
        b"\x60\x84\xff\xff\xff\xff" + SMBCLIENT_INIT[2:],
        der(0x60, oid(KERBEROS), der(0xA0, INSIDE)),  # not SPNEGO
        der(0x60, NTLM, der(0xA0, INSIDE)),
        der(0x60, SPNEGO),
        der(0x60, SPNEGO, der(0xA1, INSIDE)),  # a response where a beginning belongs
        der(0x60, SPNEGO, der(0xA0, INSIDE), der(0xA0, INSIDE)),
        der(0x60, SPNEGO, der(0xA0, INSIDE, b"\0\0")),
        der(0x60, SPNEGO, der(0xA0, der(0x30))),  # without mechTypes
        der(0x60, SPNEGO, der(0xA0, der(0x31, der(0xA0, der(0x30, NTLM))))),  # a set
        init(NTLM, token(b"x"), token(b"y")),  # a field twice
        init(NTLM, der(0xA3, der(0x04, b"m")), token(b"x")),  # fields in the wrong order
        init(NTLM, der(0xA4, der(0x04, b"m"))),  # an unknown field
        init(NTLM, der(0xA2, der(0x24, der(0x04, b"x")))),  # a string in pieces
        init(der(0x0C, b"1.2.3")),
        init(b"\x06\0"),  # an object identifier of nothing
        init(b"\x06\1\x80"),
        init(b"\x06\2\x2b\x80"),
        init(der(0x06, b"\x2b" + b"\x81" * 40 + b"\1")),  # one number of 280 bits
        init(b"\x1f\x81\0"),
        w.SETUP_TOKEN_2,
        spnego.encode_hint(),  # our own, sent back to us
    ],
)
def test_bad_beginnings(bad: bytes) -> None:
    with pytest.raises(WireError):
        spnego.decode_init(bad)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xa1\0",
        b"\xa1\x80\x30\0\0\0",
        der(0xA1, der(0x30), der(0x30)),
        response(token(b"x"), token(b"x")),
        response(der(0xA3, der(0x04, b"m")), token(b"x")),
        response(der(0xA0, b"\x0a\0")),
        response(der(0xA0, der(0x0A, b"\1" * 200))),
        response(der(0xA0, der(0x0A, b"\1" * 300))),
        response(der(0xA2, b"\2\1\0")),
        SMBCLIENT_INIT,
    ],
)
def test_bad_responses(bad: bytes) -> None:
    with pytest.raises(WireError):
        spnego.decode_response(bad)


def test_depth_is_bounded() -> None:
    nested = b""
    for _ in range(2000):
        nested = der(0x30, nested)
        if len(nested) > 60_000:
            break
    with pytest.raises(WireError):
        spnego.decode_init(der(0x60, SPNEGO, der(0xA0, nested)))


@pytest.mark.pure(reason="counts lines of Python")
def test_the_costly_tokens_cost_nothing() -> None:
    """Before the bound on elements the first of these took half a second of the event loop."""
    many = init(b"\x06\1\x2b" * 20_000)
    long = init(der(0x06, b"\x2b" + b"\x81" * 60_000 + b"\1"))
    fields = response(*[der(0xA2, der(0x04, b""))] * 10_000)

    def all_three() -> None:
        for decode, costly in (
            (spnego.decode_init, many),
            (spnego.decode_init, long),
            (spnego.decode_response, fields),
        ):
            with pytest.raises(WireError):
                decode(costly)

    assert lines_run(all_three) < 10_000  # 5,100


@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=80))
def test_random_bytes(data: bytes) -> None:
    for decode, head in ((spnego.decode_init, b"\x60"), (spnego.decode_response, b"\xa1")):
        for candidate in (data, head + data, head + bytes((len(data),)) + data):
            try:
                decode(candidate)
            except WireError:
                pass  # the other allowed end


TREES = st.recursive(
    st.builds(der, st.sampled_from([0x04, 0x06, 0x0A, 0x03, 0x02, 0x80, 0x0C]), st.binary(max_size=12)),
    lambda inner: st.tuples(
        st.sampled_from([0x30, 0xA0, 0xA1, 0xA2, 0xA3, 0x31, 0x24]), st.lists(inner, max_size=4)
    ).map(lambda e: der(e[0], *e[1])),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(tree=TREES)
def test_random_trees(tree: bytes) -> None:
    candidates = (
        (spnego.decode_init, der(0x60, SPNEGO, der(0xA0, tree))),
        (spnego.decode_init, init(NTLM, tree)),
        (spnego.decode_response, response(tree)),
        (spnego.decode_response, der(0xA1, tree)),
    )
    for decode, candidate in candidates:
        try:
            decode(candidate)
        except WireError:
            pass  # the other allowed end
