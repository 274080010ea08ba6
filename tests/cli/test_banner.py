"""The banner: lines that can be pasted as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smbserver.cli.banner import MAX_ADDRESSES, banner
from smbserver.config.settings import Settings, ShareSettings

SETTINGS = Settings((ShareSettings("data", "/srv/data"),), users=(("ann", "secret"),))
EVERYWHERE = [("0.0.0.0", 445), ("::", 445)]
MACHINE = ["192.0.2.7", "2001:db8::7"]


def shown(settings: Settings = SETTINGS, addresses: list[tuple[str, int]] = EVERYWHERE) -> list[str]:
    return banner(settings, addresses, MACHINE).split("\n")


def line(lines: list[str], client: str) -> str:
    (found,) = (line for line in lines if line.startswith(f"  {client} "))
    return found.removeprefix(f"  {client}").strip()


def test_the_usual_port_needs_no_words() -> None:
    lines = shown()
    assert "  reached at 192.0.2.7, 2001:db8::7" in lines
    assert line(lines, "smbclient") == "smbclient //192.0.2.7/data -U ann"
    assert line(lines, "Linux") == "sudo mount -t cifs //192.0.2.7/data /mnt -o username=ann,uid=$(id -u)"
    assert line(lines, "Windows") == "net use Z: \\\\192.0.2.7\\data /user:ann"
    assert line(lines, "macOS").endswith(": smb://ann@192.0.2.7/data")


def test_another_port() -> None:
    lines = shown(addresses=[("192.0.2.9", 1445)])
    assert line(lines, "smbclient") == "smbclient //192.0.2.9/data -U ann -p 1445"
    assert line(lines, "Linux").endswith("-o username=ann,uid=$(id -u),port=1445")
    assert line(lines, "Windows") == "net use Z: \\\\192.0.2.9\\data /user:ann /TCPPORT:1445   (needs Windows 11 24H2)"
    assert line(lines, "macOS").endswith(": smb://ann@192.0.2.9:1445/data")


def test_ipv6_is_spelt_as_each_client_wants_it() -> None:
    lines = shown(addresses=[("2001:db8::9", 1445)])
    assert line(lines, "smbclient") == "smbclient //2001:db8::9/data -U ann -p 1445"
    assert "net use Z: \\\\2001-db8--9.ipv6-literal.net\\data " in line(lines, "Windows")
    assert line(lines, "macOS").endswith(": smb://ann@[2001:db8::9]:1445/data")


def test_names_with_blanks_are_quoted() -> None:
    settings = replace(SETTINGS, shares=(ShareSettings("my data", "/srv/d"),), users=(("ann lee", "secret"),))
    lines = shown(settings)
    assert line(lines, "smbclient") == "smbclient '//192.0.2.7/my data' -U 'ann lee'"
    assert "'username=ann lee'" in line(lines, "Linux")
    assert '"\\\\192.0.2.7\\my data" /user:' in line(lines, "Windows")
    assert line(lines, "macOS").endswith(": smb://ann%20lee@192.0.2.7/my%20data")


def test_only_a_password_made_for_this_run_is_shown() -> None:
    settings = replace(SETTINGS, users=(("ann", "secret"), ("me", "made-it")))
    text = banner(settings, EVERYWHERE, MACHINE, made_for=("me",))
    assert text.count("made-it") == 1
    assert "secret" not in text
    assert "  user ann" in text.split("\n")


def test_guests() -> None:
    lines = shown(replace(SETTINGS, users=(), guest=True))
    assert any("guests come in" in each for each in lines)
    assert line(lines, "smbclient") == "smbclient //192.0.2.7/data -N"
    assert "-o guest," in line(lines, "Linux")
    assert line(lines, "macOS").endswith(": smb://guest@192.0.2.7/data")
    assert any("refuse guests" in each for each in lines)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_this_machine_only(host: str) -> None:
    assert any(each.endswith("(from this machine only)") for each in shown(addresses=[(host, 445)]))


def test_a_machine_without_a_network_and_one_with_too_many() -> None:
    assert "reached at 127.0.0.1 " in banner(SETTINGS, EVERYWHERE, [])
    assert "reached at ::1 " in banner(SETTINGS, [("::", 445)], [])
    many = banner(SETTINGS, EVERYWHERE, [f"192.0.2.{number}" for number in range(100)])
    assert many.count("192.0.2.") == MAX_ADDRESSES + 4  # and the four commands


def test_notes_come_first() -> None:
    lines = banner(SETTINGS, EVERYWHERE, MACHINE, notes=["port 445 is taken: this is port 1445"]).split("\n")
    assert lines[1] == "  port 445 is taken: this is port 1445"
