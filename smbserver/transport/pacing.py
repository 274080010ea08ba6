"""Congestion control to a client on this machine: one that does not pace.

BBR, where a machine has it for all connections, sends at a rate: every piece of a large reply waits for a timer.
Between two sockets of one machine there is no way that could be congested, and the timer takes a third of the CPU of a
plain read (transcript 0050).
"""

import socket
import sys
from typing import Final

UNPACED: Final = b"reno"  # in every kernel, and every process may choose it


def unpaced(sock: socket.socket) -> bool:
    """Choose UNPACED for a connection whose two ends have the same address; tells whether it has it.

    Otherwise nothing is changed: what is right for a way through a network, its administrator knows.
    """
    if sys.platform != "linux" or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        if sock.getpeername()[0] != sock.getsockname()[0]:
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, UNPACED)
    except OSError:  # the connection has ended, or a sandbox does not let us
        return False
    return True
