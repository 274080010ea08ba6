"""What the host knows of its users."""

from __future__ import annotations

import grp
import os
import pwd

from smbserver.host_names import ask_host
from smbserver.rpc.host_names import HostAnswer, HostQuestion


def test_there_and_back() -> None:
    user, group = pwd.getpwuid(0), grp.getgrgid(0)
    answer = ask_host(
        HostQuestion(frozenset({0}), frozenset({0}), frozenset({user.pw_name}), frozenset({group.gr_name}))
    )
    assert answer == HostAnswer({0: user.pw_name}, {0: group.gr_name}, {user.pw_name: 0}, {group.gr_name: 0})
    assert os.sep == "/"


def test_what_nobody_has() -> None:
    strange = frozenset({"no such name", "", "a\0b", "\ud800", "x" * 100_000})
    numbers = frozenset({4_000_000_001, 0xFFFFFFFF, 1 << 70})
    assert ask_host(HostQuestion(numbers, numbers, strange, strange)) == HostAnswer()
    assert ask_host(HostQuestion()) == HostAnswer()
