"""From stat and stored attributes to metadata: READONLY, HIDDEN, times, identity."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.backend.posix.dos_attributes import NONE, DosAttributes
from smbserver.backend.posix.facts import metadata_of
from smbserver.backend.posix.inode import HAS_BIRTH, LAYOUT, packed
from smbserver.nt import attributes
from smbserver.nt.filetime import EPOCH_DIFFERENCE, MAXIMUM
from smbserver.nt.metadata import Metadata
from tests.records import values

FILE, DIRECTORY = 0o100644, 0o040755


def facts(
    mode: int = FILE,
    dos: DosAttributes = NONE,
    times: tuple[int, int, int] = (30, 20, 10),
    hidden: bool = False,
    device: int = 5,
    inode: int = 7,
    links: int = 1,
) -> Metadata:
    """Metadata of a made-up file on device 5; `times` are access, modification and change in seconds."""
    state = os.stat_result(
        (mode, inode, device, links, 0, 0, 1000, *times),
        {
            "st_atime_ns": times[0] * 10**9,
            "st_mtime_ns": times[1] * 10**9,
            "st_ctime_ns": times[2] * 10**9,
            "st_blocks": 8,
        },
    )
    return metadata_of(packed(state), dos, 5, hidden)


def filetime(seconds: int) -> int:
    """Unix seconds as FILETIME."""
    return seconds * 10_000_000 + EPOCH_DIFFERENCE


def test_file() -> None:
    assert values(facts())[:10] == (
        filetime(10),
        filetime(30),
        filetime(20),
        filetime(10),
        4096,
        1000,
        attributes.NORMAL,
        1,
        7,
        False,
    )


MOMENTS = st.tuples(st.sampled_from((-1, 0, 1, 2**31)), st.sampled_from((0, 99, 100, 999_999_999)))


@given(st.tuples(MOMENTS, MOMENTS, MOMENTS, MOMENTS))
def test_each_time_is_its_own_whichever_are_the_same(moments: tuple[tuple[int, int], ...]) -> None:
    accessed, born, changed, written = moments
    times = (*accessed, *born, *changed, *written)
    meta = metadata_of(LAYOUT.pack(HAS_BIRTH, 1, 0, 0, FILE, 7, 0, 0, *times, 0, 5), NONE, 5, False)
    expected = [filetime(seconds) + nanoseconds // 100 for seconds, nanoseconds in (born, accessed, written, changed)]
    assert list(meta.times) == expected


def test_directory_has_no_size_and_one_link() -> None:
    meta = facts(DIRECTORY, links=9)
    assert (meta.attributes, meta.end_of_file, meta.number_of_links) == (attributes.DIRECTORY, 0, 1)
    assert meta.is_directory


@pytest.mark.parametrize(
    ("mode", "readonly"), [(0o444, True), (0o400, True), (0o000, True), (0o644, False), (0o222, False), (0o464, False)]
)
def test_a_file_nobody_may_write_is_readonly(mode: int, readonly: bool) -> None:
    assert bool(facts(0o100000 | mode).attributes & attributes.READONLY) is readonly
    assert not facts(0o040000 | mode).attributes & attributes.READONLY
    stored = facts(0o100000 | mode, DosAttributes(attributes.READONLY, None))
    assert stored.attributes == attributes.READONLY


def test_names_hide_whatever_is_stored() -> None:
    """As Samba's `hide dot files`; a stored HIDDEN says the same."""
    assert facts(hidden=True).attributes == attributes.HIDDEN
    for stored in (0, attributes.ARCHIVE, attributes.HIDDEN):
        expected = stored | attributes.HIDDEN
        assert facts(hidden=True, dos=DosAttributes(stored, None)).attributes == expected
    assert facts(DIRECTORY, hidden=True).attributes == attributes.HIDDEN | attributes.DIRECTORY


def test_stored_attributes_say_only_what_a_client_may_choose_or_a_control_code_sets() -> None:
    assert facts(dos=DosAttributes(0xFFFFFFFF, None)).attributes == attributes.SETTABLE | attributes.KEPT
    assert facts(dos=DosAttributes(attributes.DIRECTORY, None)).attributes == attributes.NORMAL


def test_creation_time() -> None:
    """The stored one whatever happens to the file; else the older of modification and change."""
    for times in ((1, 2, 3), (1, 3, 2), (9, 9, 9)):
        assert facts(times=times, dos=DosAttributes(None, 12345)).creation_time == 12345
    assert facts(times=(1, 2, 3)).creation_time == filetime(2)
    assert facts(times=(1, 3, 2)).creation_time == filetime(2)


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("seconds", [-(1 << 55), -20_000_000_000, 1 << 55])
def test_times_that_no_filetime_can_hold(position: int, seconds: int) -> None:
    """One file from the year 1335 made a whole directory unlistable."""
    times = [10, 10, 10]
    times[position] = seconds
    meta = facts(times=(times[0], times[1], times[2]))
    assert all(0 <= time <= MAXIMUM for time in meta.times)
    assert meta.last_access_time == (filetime(10) if position else min(max(filetime(seconds), 0), MAXIMUM))


def test_file_ids_of_file_systems_mounted_below_differ() -> None:
    ids = {facts(device=device, inode=inode).file_id for device in (5, 6, 7) for inode in (7, 8)}
    assert len(ids) == 6
    assert all(0 <= each < 1 << 64 for each in ids)
    assert facts(device=6).file_id == facts(device=6).file_id
