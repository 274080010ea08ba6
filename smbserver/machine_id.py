"""What the SIDs of a server grow from: its name and the host's machine id, which both stay over restarts."""

from typing import Final

MACHINE_ID: Final = "/etc/machine-id"  # machine-id(5); images and small containers may have none
_LENGTH: Final = 32  # hexadecimal digits


def sid_seed(server_name: str, path: str = MACHINE_ID) -> bytes:
    """Different for two servers of one host, and for servers of one name on two hosts; without a machine id the name
    decides alone.
    """
    return server_name.upper().encode("utf-8", "surrogatepass") + b"\0" + _machine_id(path)


def _machine_id(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            found = file.read(_LENGTH).lower()
    except OSError:
        return b""
    # "uninitialized", and what somebody typed, is no identity
    return found if len(found) == _LENGTH and not found.strip(b"0123456789abcdef") else b""
