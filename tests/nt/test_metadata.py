"""The records that backends fill."""

from __future__ import annotations

import pytest

from smbserver.nt.metadata import AppleFacts, Metadata, Ownership, VolumeSpace
from tests.records import FIELDS, values

APPLE = AppleFacts(1, 2, b"finder", 3)
OWNER = Ownership(4, 5, 0o644)
WHOLE = (1, 2, 3, 4, 5, 6, 7, 8, 9, True, 10, 11, APPLE, OWNER)


def test_fields_are_where_the_constructor_says() -> None:
    meta = Metadata(*WHOLE)
    assert values(meta) == WHOLE
    assert meta.times == (1, 2, 3, 4)
    assert values(Metadata(*WHOLE[:10]))[10:] == (0, 0, None, None)


@pytest.mark.parametrize("field", FIELDS)
def test_a_copy_has_everything_and_is_another(field: str) -> None:
    meta = Metadata(*WHOLE)
    other = meta.copy()
    assert values(other) == WHOLE
    setattr(other, field, getattr(Metadata(*(0,) * 9, False), field))
    assert values(meta) == WHOLE
    assert values(other) != WHOLE


def test_a_volume_where_nobody_counts_files() -> None:
    assert VolumeSpace._fields[:4] == ("unit", "total_units", "available_units", "free_units")
    assert VolumeSpace(1, 2, 3, 4)[4:] == (-1, -1)
