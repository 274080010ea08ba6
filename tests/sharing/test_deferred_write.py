"""Write times seen late: when which one is shown."""

from smbserver.sharing.deferred_write import SECONDS_UNSEEN, DeferredWrite

SECOND = 10_000_000


class Clock:
    """A present that stands still."""

    def __init__(self) -> None:
        self.time = 1000 * SECOND

    def __call__(self) -> int:
        """The present."""
        return self.time


def test_the_first_write_shows_after_two_seconds() -> None:
    clock = Clock()
    deferred = DeferredWrite(self_ := object(), 7, clock)
    assert deferred.owner is self_
    assert deferred.shown(9) == 7
    clock.time += SECONDS_UNSEEN * SECOND - 1
    assert deferred.shown(9) == 7
    clock.time += 1
    assert deferred.shown(9) == 9
    assert not deferred.ends_now


def test_later_writes_show_at_the_end() -> None:
    clock = Clock()
    deferred = DeferredWrite(None, 7, clock)
    assert not deferred.wants_time()
    clock.time += 3 * SECOND
    assert deferred.wants_time()
    deferred.note(9)
    assert not deferred.wants_time()
    assert deferred.shown(20) == 9
    assert deferred.ends_now
