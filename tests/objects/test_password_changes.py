"""A password change: who may, what is counted, what is written before it counts, and one after the other."""

from __future__ import annotations

import pytest

from smbserver.auth.accounts import Account, Accounts, nt_hash
from smbserver.errors import ConfigError
from smbserver.nt import status
from smbserver.objects.password_changes import MAX_WAITING, NotKept, PasswordChanges
from smbserver.rpc.server_view import Caller, PasswordChange
from tests.auth.test_password_change import change
from tests.harness import ManualRuntime

ANN = Caller("Ann", is_guest=False, is_anonymous=False, address="10.0.0.1")


class Kept:
    """A password file of the test's, and the changes that use it."""

    def __init__(self) -> None:
        self.runtime = ManualRuntime()
        self.accounts = Accounts([Account.from_password("ann", "old"), Account.from_password("bob", "bobs")])
        self.written: list[tuple[str, str, str]] = []
        self.error: Exception | None = None
        self.tries = 0
        self.allowed = True
        self.changes = PasswordChanges(self.accounts, self.runtime, self._may_try, self._forgive)
        self.changes.keep = self._keep

    def _may_try(self, caller: Caller) -> bool:
        assert caller is ANN
        self.tries += 1
        return self.allowed

    def _forgive(self, _caller: Caller) -> None:
        self.tries = 0

    def _keep(self, name: str, old: str, new: str) -> None:
        if self.error is not None:
            raise self.error
        self.written.append((name, old, new))

    def hash(self, name: str) -> bytes:
        account = self.accounts.find(name)
        assert account is not None
        return account.hash.reveal()

    def change(self, old: str, new: str, *, name: str = "ANN", caller: Caller = ANN) -> int:
        return self.changes.change(caller, PasswordChange(name, *change(old, new))).result()


def test_it_is_written_and_counts_from_then_on() -> None:
    kept = Kept()
    assert kept.change("old", "new") == status.SUCCESS
    assert kept.written == [("ann", nt_hash("old").hex(), "new")]
    assert (kept.hash("ann"), kept.tries) == (nt_hash("new"), 0)
    assert kept.change("old", "newer") == status.WRONG_PASSWORD
    assert kept.change("new", "old") == status.SUCCESS


def test_nothing_counts_before_it_is_written() -> None:
    kept = Kept()
    kept.runtime.hold_offloaded = True
    first = kept.changes.change(ANN, PasswordChange("ann", *change("old", "new")))
    assert not first.done
    assert kept.hash("ann") == nt_hash("old")
    second = kept.changes.change(ANN, PasswordChange("ann", *change("old", "other")))
    kept.runtime.run_offloaded()
    assert (first.result(), second.result()) == (status.SUCCESS, status.SUCCESS)
    # the second one was proven with a password that was good then; the file decides whether it still is
    assert [old for _name, old, _new in kept.written] == [nt_hash("old").hex(), nt_hash("new").hex()]


@pytest.mark.parametrize("name", ["bob", "", "zed", "ann\0"])
def test_only_ones_own(name: str) -> None:
    kept = Kept()
    assert kept.change("bobs", "new", name=name) == status.ACCESS_DENIED
    assert (kept.tries, kept.written) == (0, [])


@pytest.mark.parametrize("caller", [Caller(), Caller("ann", is_guest=True, is_anonymous=False)])
def test_not_by_somebody_who_has_proven_nothing(caller: Caller) -> None:
    assert Kept().change("old", "new", caller=caller) == status.ACCESS_DENIED


def test_attempts_count() -> None:
    kept = Kept()
    for expected in (1, 2):
        assert kept.change("wrong", "new") == status.WRONG_PASSWORD
        assert kept.tries == expected
    kept.allowed = False
    assert kept.change("old", "new") == status.ACCOUNT_LOCKED_OUT
    assert kept.written == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotKept(), status.NOT_SUPPORTED),
        (ConfigError("the file was changed"), status.UNEXPECTED_IO_ERROR),
        (OSError(28, "No space left on device"), status.DISK_FULL),
        (PermissionError(13, "Permission denied"), status.ACCESS_DENIED),
    ],
)
def test_what_cannot_be_written_does_not_count(error: Exception, expected: int) -> None:
    kept = Kept()
    kept.error = error
    assert kept.change("old", "new") == expected
    assert kept.hash("ann") == nt_hash("old")


def test_without_a_file_and_with_a_password_that_cannot_be_one() -> None:
    kept = Kept()
    assert kept.change("old", "a\nb") == status.PASSWORD_RESTRICTION
    kept.changes.keep = None
    assert kept.change("old", "new") == status.NOT_SUPPORTED
    assert kept.tries == 0


def test_not_more_than_so_many_at_a_time() -> None:
    kept = Kept()
    kept.runtime.hold_offloaded = True
    for _ in range(MAX_WAITING + 1):
        assert not kept.changes.change(ANN, PasswordChange("ann", *change("old", "old"))).done
    assert kept.change("old", "old") == status.INSUFFICIENT_RESOURCES
    kept.runtime.run_offloaded()
    assert len(kept.written) == MAX_WAITING + 1
