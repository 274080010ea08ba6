"""Lists of EAs: names, sizes as Windows counts them, and what changes make of a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.extended_attributes import FILE_NEED_EA, MAX_LIST, MAX_NAME, Ea, changed, check, fits, list_size

NAMES = st.sampled_from([b"A", b"a", b"b", b"Long.Name", b"long.name", "\u00e4".encode()])
EAS = st.builds(Ea, NAMES, st.binary(max_size=4), st.sampled_from([0, FILE_NEED_EA]))


@pytest.mark.parametrize("name", [b"", b"a" * (MAX_NAME + 1), *(bytes([c]) for c in b'\\/:*?"<>|,+=[];\0\x1f')])
def test_no_names(name: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        check([Ea(name, b"x")])
    assert caught.value.status == status.INVALID_EA_NAME


def test_names() -> None:
    check([Ea(b"a" * MAX_NAME, b""), Ea(b"$LXUID", b"x", FILE_NEED_EA), Ea("\u00e4 b.c".encode(), b"x")])
    with pytest.raises(StatusError):
        check([Ea(b"a", b"", 1)])


def test_sizes_of_the_list_in_smbtorture() -> None:
    """EAONE = VALUE1 and SECONDEA = ValueTwo; the head of a list that is not empty counts 4."""
    assert list_size([]) == 0
    assert list_size([Ea(b"EAONE", b"VALUE1"), Ea(b"SECONDEA", b"ValueTwo")]) == 4 + 16 + 21


@given(st.lists(EAS, max_size=6), st.lists(EAS, max_size=6))
def test_changes_against_a_dict(first: list[Ea], second: list[Ea]) -> None:
    model: dict[bytes, tuple[bytes, int]] = {}
    spelling: dict[bytes, bytes] = {}
    stored = changed([], first)
    for ea in [*first, *second]:
        key = ea.name.upper()
        if ea.value:
            model[key] = (ea.value, ea.flags)
            spelling.setdefault(key, ea.name)
        else:
            model.pop(key, None)
            spelling.pop(key, None)
    after = changed(stored, second)
    assert {ea.name.upper(): (ea.value, ea.flags) for ea in after} == model
    assert {ea.name for ea in after} == set(spelling.values())


def test_too_much() -> None:
    half = MAX_LIST // 2
    one, two = Ea(b"one", bytes(half)), Ea(b"two", bytes(half))
    assert fits([one])
    with pytest.raises(StatusError) as caught:
        changed([one], [two])
    assert caught.value.status == status.EA_TOO_LARGE
    assert changed([one], [Ea(b"ONE", b""), two]) == [two]  # one after the other
