"""The window of message ids."""

from smbserver.connection.credits import MAX_CREDITS, CreditWindow


def test_first_id_is_zero_and_nothing_is_used_twice() -> None:
    window = CreditWindow()
    assert window.take(0, 1)
    assert not window.take(0, 1)
    assert not window.take(1, 1)


def test_ids_may_come_out_of_order() -> None:
    window = CreditWindow()
    assert window.take(0, 1)
    assert window.grant(4) == 4
    assert window.take(3, 1)
    assert window.take(1, 2)
    assert not window.take(2, 1)
    assert window.take(4, 1)
    assert not window.take(5, 1)


def test_a_grant_is_at_least_one_and_bounded() -> None:
    window = CreditWindow()
    assert window.take(0, 1)
    assert window.grant(0) == 1
    assert window.grant(65535) == MAX_CREDITS - 1
    assert window.grant(1) == 0
