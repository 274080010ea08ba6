"""SPNEGO around NTLM: strict DER with pyasn1 (RFC 4178, [MS-SPNG] 2.2)."""

from typing import Final, NamedTuple

from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, namedval, tag, univ

from smbserver.errors import WireError

SPNEGO_OID: Final = "1.3.6.1.5.5.2"
NTLMSSP_OID: Final = "1.3.6.1.4.1.311.2.2.10"
MAX_TOKEN: Final = 64 * 1024  # SESSION_SETUP's own limit: a 16-bit length
MAX_DEPTH: Final = 8  # a NegTokenInit nests four deep
MAX_ELEMENTS: Final = 64  # a NegTokenInit with ten mechanisms has about twenty-five; a decoder pays for each

_INITIAL_CONTEXT_TOKEN: Final = 0x60
_SEQUENCE: Final = 0x30
_CONTEXT: Final = 0xA0
# Bytes that a primitive may have, by its tag. The longest mechanism in use has ten.
_SIZES: Final = {0x04: range(MAX_TOKEN), 0x06: range(1, 33), 0x0A: range(1, 2)}
_OTHER_SIZES: Final = range(257)

ACCEPT_COMPLETED: Final = 0
ACCEPT_INCOMPLETE: Final = 1
REJECT: Final = 2


def _tagged(number: int) -> tag.Tag:
    return tag.Tag(tag.tagClassContext, tag.tagFormatSimple, number)


class _MechTypeList(univ.SequenceOf):  # type: ignore[misc]  # pyasn1 has no types
    componentType = univ.ObjectIdentifier()


class _NegTokenInit(univ.Sequence):  # type: ignore[misc]  # pyasn1 has no types
    componentType = namedtype.NamedTypes(
        namedtype.NamedType("mechTypes", _MechTypeList().subtype(explicitTag=_tagged(0))),
        namedtype.OptionalNamedType("reqFlags", univ.BitString().subtype(explicitTag=_tagged(1))),
        namedtype.OptionalNamedType("mechToken", univ.OctetString().subtype(explicitTag=_tagged(2))),
        namedtype.OptionalNamedType("mechListMIC", univ.OctetString().subtype(explicitTag=_tagged(3))),
    )


class _NegState(univ.Enumerated):  # type: ignore[misc]  # pyasn1 has no types
    namedValues = namedval.NamedValues(
        ("accept-completed", 0), ("accept-incomplete", 1), ("reject", 2), ("request-mic", 3)
    )


class _NegTokenResp(univ.Sequence):  # type: ignore[misc]  # pyasn1 has no types
    componentType = namedtype.NamedTypes(
        namedtype.OptionalNamedType("negState", _NegState().subtype(explicitTag=_tagged(0))),
        namedtype.OptionalNamedType("supportedMech", univ.ObjectIdentifier().subtype(explicitTag=_tagged(1))),
        namedtype.OptionalNamedType("responseToken", univ.OctetString().subtype(explicitTag=_tagged(2))),
        namedtype.OptionalNamedType("mechListMIC", univ.OctetString().subtype(explicitTag=_tagged(3))),
    )


class InitToken(NamedTuple):
    """The client's first token. `mech_list` is the DER of its mechanism list, which the MICs cover."""

    mechanisms: tuple[str, ...]
    mech_list: bytes
    mech_token: bytes


class ResponseToken(NamedTuple):
    """A later token of the client."""

    response_token: bytes
    mech_list_mic: bytes


def _length(data: bytes, at: int) -> tuple[int, int]:
    """(length, offset of the contents) of the DER element at `at`; only definite lengths in their shortest form."""
    if at + 2 > len(data):
        raise WireError("DER cut short")
    if data[at] & 0x1F == 0x1F:
        raise WireError("DER tag of several bytes")  # SPNEGO has none, and it would be read as a length here
    first = data[at + 1]
    if first < 0x80:
        return first, at + 2
    count = first & 0x7F
    if not 0 < count <= 3 or at + 2 + count > len(data):
        raise WireError("DER length")
    length = int.from_bytes(data[at + 2 : at + 2 + count], "big")
    if length < 0x80 or length < 1 << 8 * (count - 1):
        raise WireError("DER length in more bytes than it needs")
    return length, at + 2 + count


def _check_shape(data: bytes, start: int, end: int, depth: int, count: int) -> int:
    """Every constructed element's children fill it exactly; depth, number and sizes are bounded.

    Before a general decoder sees it, whose cost grows with each of these. `count` elements came before; returns how
    many there are now.
    """
    if depth > MAX_DEPTH:
        raise WireError("DER nested too deep")
    while start < end:
        count += 1
        if count > MAX_ELEMENTS:
            raise WireError("too many DER elements")
        kind = data[start]
        length, contents = _length(data, start)
        if contents + length > end:
            raise WireError("DER element longer than its parent")
        if kind & 0x20:
            if kind not in (_INITIAL_CONTEXT_TOKEN, _SEQUENCE) and kind & 0xE0 != _CONTEXT:
                raise WireError("DER string in pieces, or a set")
            count = _check_shape(data, contents, contents + length, depth + 1, count)
        elif length not in _SIZES.get(kind, _OTHER_SIZES):
            raise WireError("DER element too short or too long for what it is")
        start = contents + length
    return count


def _contents(data: bytes, wanted_tag: int) -> bytes:
    """The contents of the one element that `data` is. Raises WireError."""
    if not data or len(data) > MAX_TOKEN or data[0] != wanted_tag:
        raise WireError("not the expected SPNEGO element")
    length, start = _length(data, 0)
    if start + length != len(data):
        raise WireError("SPNEGO element with trailing bytes")
    _check_shape(data, 0, len(data), 0, 0)
    return data[start:]


def decode_init(token: bytes) -> InitToken:
    """Read InitialContextToken { SPNEGO, NegTokenInit }. Raises WireError."""
    inner = _contents(token, 0x60)
    try:
        oid, rest = decoder.decode(inner, asn1Spec=univ.ObjectIdentifier())
        if str(oid) != SPNEGO_OID:
            raise WireError("not SPNEGO")
        value, rest = decoder.decode(_contents(bytes(rest), 0xA0), asn1Spec=_NegTokenInit())
    except PyAsn1Error as error:
        raise WireError("malformed NegTokenInit") from error
    if rest:
        raise WireError("bytes behind NegTokenInit")
    mech_list = _MechTypeList()
    mechanisms = []
    for mechanism in value["mechTypes"]:
        mechanisms.append(str(mechanism))
        mech_list.append(mechanism)
    mech_token = bytes(value["mechToken"]) if value["mechToken"].hasValue() else b""
    return InitToken(tuple(mechanisms), bytes(encoder.encode(mech_list)), mech_token)


def decode_response(token: bytes) -> ResponseToken:
    """Read NegTokenResp. Raises WireError."""
    try:
        value, rest = decoder.decode(_contents(token, 0xA1), asn1Spec=_NegTokenResp())
    except PyAsn1Error as error:
        raise WireError("malformed NegTokenResp") from error
    if rest:
        raise WireError("bytes behind NegTokenResp")
    response = bytes(value["responseToken"]) if value["responseToken"].hasValue() else b""
    mic = bytes(value["mechListMIC"]) if value["mechListMIC"].hasValue() else b""
    return ResponseToken(response, mic)


def _wrap(tag_byte: int, contents: bytes) -> bytes:
    length = len(contents)
    if length < 0x80:
        return bytes((tag_byte, length)) + contents
    raw = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag_byte, 0x80 | len(raw))) + raw + contents


_NTLMSSP_DER: Final = bytes(encoder.encode(univ.ObjectIdentifier(NTLMSSP_OID)))
_SPNEGO_DER: Final = bytes(encoder.encode(univ.ObjectIdentifier(SPNEGO_OID)))


def encode_hint() -> bytes:
    """The token of a NEGOTIATE reply: NegTokenInit2 that offers NTLM ([MS-SPNG] 2.2.1)."""
    mech_types = _wrap(0xA0, _wrap(0x30, _NTLMSSP_DER))
    hint = _wrap(0xA3, _wrap(0x30, _wrap(0xA0, _wrap(0x1B, b"not_defined_in_RFC4178@please_ignore"))))
    return _wrap(0x60, _SPNEGO_DER + _wrap(0xA0, _wrap(0x30, mech_types + hint)))


def encode_response(state: int, response_token: bytes, mic: bytes, with_mechanism: bool) -> bytes:
    """NegTokenResp; the first one names the mechanism."""
    parts = _wrap(0xA0, bytes((0x0A, 1, state)))
    if with_mechanism:
        parts += _wrap(0xA1, _NTLMSSP_DER)
    if response_token:
        parts += _wrap(0xA2, _wrap(0x04, response_token))
    if mic:
        parts += _wrap(0xA3, _wrap(0x04, mic))
    return _wrap(0xA1, _wrap(0x30, parts))
