"""How much the kernel holds of what is sent: less to a client on this machine, as long as replies are not too large.

Such a client takes a large reply as fast as we copy it into the kernel, and sleeps whenever it is done with what is
there. To wake it costs us each time. With a send buffer that a reply of a MiB does not quite fit into, the two run
behind one another, and it is woken half as often (transcript 0046).
"""

import socket
from functools import cache
from typing import Final

LOCAL_ROOM: Final = 1024 * 1024  # bytes as the kernel counts them, its own among them; half of it loses rate
WIDE_FROM: Final = 2 * 1024 * 1024  # larger replies lose rate with LOCAL_ROOM
_SO_BUF_LOCK: Final = 72  # Linux 5.16: which of the two buffers have a fixed size; not in the socket module
_NONE: Final = 0


def narrow(sock: socket.socket) -> bool:
    """Give a connection to a client on this machine LOCAL_ROOM; tells whether it has it.

    Otherwise nothing is changed: on a way that is longer the kernel has to find out how much fits in it.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        if sock.getpeername()[0] == sock.getsockname()[0] and _is_allowed():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LOCAL_ROOM // 2)  # the kernel doubles it
            return True
    except OSError:  # an older kernel, or the connection has ended
        pass
    return False


@cache
def _is_allowed() -> bool:
    """Whether net.core.wmem_max leaves LOCAL_ROOM: tried on a socket of its own, since the size before is not got back.

    Raises OSError where the kernel could not be given the choice again.
    """
    with socket.socket() as unused:
        unused.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)
        unused.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LOCAL_ROOM // 2)
        return unused.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == LOCAL_ROOM


def widen(sock: socket.socket) -> None:
    """Let the kernel choose the size again."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, _NONE)
    except OSError:  # it has ended
        pass
