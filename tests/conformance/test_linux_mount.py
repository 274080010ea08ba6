"""What the emulated machine may ask of its host, and what a machine that falls silent becomes."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from conformance.linux_mount import host as host_module
from conformance.linux_mount.guest import place
from conformance.linux_mount.host import Host, Silent
from conformance.linux_mount.measure import table
from conformance.linux_mount.run import MODES
from tests.run import MOUNT_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Line:
    """A line that counts how often it was cut."""

    cuts = 0

    def cut(self) -> None:
        self.cuts += 1


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def host(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(place, "HOST", "127.0.0.1")
    times = iter((5.0, 6.0))
    host = Host("3.1.1", line, tmp_path, {"port": 1}, lambda: next(times))  # type: ignore[arg-type]  # all that is asked of a line
    yield host
    host.close()


def test_what_a_guest_asks(host: Host, line: Line, tmp_path: Path) -> None:
    answers = []

    def guest() -> None:
        asked = place.Host(host.port)
        answers.append(asked.ask("told"))
        asked.ask("write", name="file", data=b"bytes".hex())
        answers.append(asked.ask("read", name="file"))
        answers.append(asked.ask("list", name="."))
        asked.ask("cut")
        with pytest.raises(place.Different, match="nothing"):
            asked.ask("read", name="nothing")
        asked.ask("remove", name="file")
        asked.ask("result", name="check", message="", seconds=0.25)
        asked.ask("end")
        asked.close()

    thread = threading.Thread(target=guest)
    thread.start()
    host.serve(lambda: True)
    thread.join()
    assert answers == [{"port": 1}, b"bytes".hex(), ["file"]]
    assert line.cuts == 1
    assert os.listdir(tmp_path) == []
    assert [(result.script, result.mode, result.ok) for result in host.results] == [("check", "3.1.1", True)]


def test_a_machine_that_ends_before_it_says_anything(host: Host) -> None:
    with pytest.raises(Silent, match="the start"):
        host.serve(lambda: False)


def test_a_machine_that_ends_in_a_check(host: Host) -> None:
    def guest() -> None:
        asked = place.Host(host.port)
        asked.ask("begin", name="files.random")
        asked.close()

    thread = threading.Thread(target=guest)
    thread.start()
    with pytest.raises(Silent, match=r"ended in files\.random"):
        host.serve(lambda: True)
    thread.join()


def test_a_machine_that_says_nothing_more(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "SILENCE", 0.05)
    asked: list[place.Host] = []
    thread = threading.Thread(target=lambda: asked.append(place.Host(host.port)))
    thread.start()
    with pytest.raises(Silent, match="nothing for"):
        host.serve(lambda: True)
    thread.join()
    asked[0].close()


def test_what_is_measured(host: Host) -> None:
    host.on_workload("", 0)
    host.on_workload("read", 4)
    assert host.spent == {"read": 0.25}
    ours, smbd = [{"read": 0.001}, {"read": 0.002}], [{"read": 0.002}, {"read": 0.001}]
    assert table({"ours": ours, "smbd": smbd}).split() == ["ours", "smbd", "share", "read", "1500", "1500", "1.25"]


def test_what_a_check_says() -> None:
    place.same("what", 1, 1)
    with pytest.raises(place.Different, match="what: 1, expected 2"):
        place.same("what", 1, 2)

    def fails() -> None:
        raise OSError(errno.EACCES, "no")

    place.refused("what", errno.EACCES, fails)
    with pytest.raises(place.Different, match="expected"):
        place.refused("what", errno.ENOENT, fails)
    with pytest.raises(place.Different, match="done"):
        place.refused("what", errno.ENOENT, lambda: None)


def test_the_test_command_names_ways_of_mounting() -> None:
    assert MOUNT_WORDS[0] == "--modes"
    assert set(MOUNT_WORDS[1:]) <= set(MODES)
