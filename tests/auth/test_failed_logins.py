"""The delay after failed logins: scenarios, and properties over any list of attempts."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.auth import failed_logins
from smbserver.auth.failed_logins import (
    FORGET_AFTER,
    LOCK_OUT_BEYOND,
    MAX_DELAY,
    MAX_RECORDS,
    TICKS,
    FailedLogins,
    LockedOut,
)

START = 133_000_000_000_000_000  # some FILETIME
HERE = "192.0.2.7"


def patient(logins: FailedLogins, count: int, user: str = "ann", now: int = START) -> list[float]:
    """The delays of somebody who waits for each answer before the next attempt."""
    delays = []
    for _ in range(count):
        delays.append(logins.attempt(HERE, user, now))
        now += round(delays[-1] * TICKS)
    return delays


def test_two_are_free_then_it_doubles_to_two_seconds() -> None:
    assert patient(FailedLogins(), 8) == [0, 0, 0.25, 0.5, 1, 2, 2, 2]


def test_the_delay_stays_at_two_seconds_for_ever() -> None:
    assert set(patient(FailedLogins(), 300)[6:]) == {2}


def test_a_minute_without_attempts_forgets() -> None:
    logins = FailedLogins()
    patient(logins, 3)
    assert logins.attempt(HERE, "ann", START + FORGET_AFTER - 1) > 0
    assert logins.attempt(HERE, "ann", START + 2 * FORGET_AFTER) == 0


def test_the_right_password_forgives_at_once() -> None:
    logins = FailedLogins()
    patient(logins, 5)
    logins.forgive(HERE, "ANN")
    assert len(logins) == 0
    assert logins.attempt(HERE, "ann", START) == 0


def test_names_differ_by_more_than_case_and_addresses_by_more_than_a_prefix() -> None:
    logins = FailedLogins()
    patient(logins, 2)
    assert logins.attempt(HERE, "bob", START) == 0
    assert logins.attempt("192.0.2.8", "ann", START) == 0
    assert logins.attempt(HERE, "aNN", START) == 0.25


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("::1", "::1", True),
        ("not:an:address", "not:an:address", True),
        ("", "192.0.2.7", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    logins = FailedLogins()
    for _ in range(2):
        logins.attempt(one, "ann", START)
    assert (logins.attempt(other, "ann", START) > 0) is same


def test_parallel_attempts_queue_and_then_are_locked_out() -> None:
    logins = FailedLogins()
    answers = []
    for _ in range(8):
        answers.append(logins.attempt(HERE, "ann", START))
    assert answers == [0, 0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75]
    for _ in range(100):
        with pytest.raises(LockedOut):
            logins.attempt(HERE, "ann", START + TICKS)  # not counted: the queue does not grow
    assert logins.attempt(HERE, "ann", START + 8 * TICKS) == 2
    assert logins.attempt(HERE, "bob", START) == 0


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    logins = FailedLogins()
    patient(logins, 6)
    assert logins.attempt(HERE, "ann", START - 3600 * TICKS) == 0


def test_the_longest_untouched_record_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "MAX_RECORDS", 3)
    logins = FailedLogins()
    for user in ("a", "b", "a", "c", "d"):
        logins.attempt(HERE, user, START)
    assert len(logins) == 3
    assert logins.attempt(HERE, "a", START) == 0.25  # kept: touched after b
    assert logins.attempt(HERE, "b", START) == 0  # was dropped, and drops c now
    assert len(logins) == 3


def test_old_records_leave_with_the_next_attempt() -> None:
    logins = FailedLogins()
    for index in range(50):
        logins.attempt(HERE, f"user{index}", START + index)
    logins.attempt(HERE, "late", START + FORGET_AFTER + 49)
    assert len(logins) == 1


def test_a_long_name_costs_no_more_than_a_short_one() -> None:
    logins = FailedLogins()
    logins.attempt(HERE, "x" * 8000, START)
    (key,) = logins._records
    assert len(key[1]) <= 64


ATTEMPTS = st.lists(
    st.tuples(st.sampled_from(["1.2.3.4", "2001:db8::1"]), st.text(max_size=3), st.integers(0, 90), st.booleans()),
    max_size=60,
)


@settings(deadline=None, max_examples=60)
@given(attempts=ATTEMPTS)
def test_any_attempts(attempts: list[tuple[str, str, int, bool]]) -> None:
    """Delays and the table are bounded, and nothing but LockedOut is raised, whatever the clock does."""
    logins = FailedLogins()
    for address, user, second, right in attempts:
        now = START + second * TICKS
        try:
            wait = logins.attempt(address, user, now)
        except LockedOut:
            continue
        assert 0 <= wait <= LOCK_OUT_BEYOND / TICKS
        assert len(logins) <= MAX_RECORDS
        if right:
            logins.forgive(address, user)


@settings(deadline=None, max_examples=30)
@given(pauses=st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_no_more_answers_than_the_delay_allows(pauses: list[int]) -> None:
    """However attempts are spread over a time without forgetting, their answers are MAX_DELAY apart in the end."""
    logins = FailedLogins()
    now, answers = START, []
    for pause in pauses:
        now += pause * TICKS // 10
        try:
            answers.append(now + round(logins.attempt(HERE, "ann", now) * TICKS))
        except LockedOut:
            pass  # no answer that says anything
    assert answers == sorted(answers)
    late = answers[6:]
    assert all(later - earlier >= MAX_DELAY for earlier, later in itertools.pairwise(late))
