"""The machine's addresses are addresses, and none that leads nowhere."""

from __future__ import annotations

import ipaddress
import socket

from smbserver.cli import addresses
from smbserver.cli.addresses import own_addresses


def test_what_is_told_can_be_bound() -> None:
    for text in own_addresses():
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        with socket.socket(family) as sock:
            sock.bind((text, 0))
        assert not ipaddress.ip_address(text).is_loopback


def test_loopback_is_found_and_left_out() -> None:
    assert "127.0.0.1" in addresses._ipv4_of_interfaces()
    assert "127.0.0.1" not in own_addresses()
