"""`@GMT-YYYY.MM.DD-HH.MM.SS`, the names of previous versions in a path ([MS-SMB2] 1.1, @GMT token), and their times."""

import re
from datetime import datetime, timedelta
from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import status

TOKEN_BYTES: Final = 48  # in UTF-16, without a terminator
_TOKEN: Final = re.compile(r"@GMT-([0-9]{4})\.([0-9]{2})\.([0-9]{2})-([0-9]{2})\.([0-9]{2})\.([0-9]{2})")
_BEGINNING: Final = "@GMT-"
FIRST: Final = datetime(1601, 1, 1)
_UNITS: Final = 10_000_000  # of 100 ns, in a second


def parse_token(component: str) -> int | None:
    """The FILETIME that a component names; None when it is an ordinary name, a date that there never was included."""
    match = _TOKEN.fullmatch(component)
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        when = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return filetime(when) if when >= FIRST else None


def format_token(time: int) -> str:
    """The token of a FILETIME; fractions of a second are lost. The time is below the year 10000."""
    when = FIRST + timedelta(seconds=time // _UNITS)
    return f"@GMT-{when.year:04}.{when:%m.%d-%H.%M.%S}"


def filetime(when: datetime) -> int:
    """A naive UTC date from 1601 on as FILETIME."""
    since = when - FIRST
    return (since.days * 86400 + since.seconds) * _UNITS


def take_token(name: str) -> tuple[str, int | None]:
    """A path without its token, and the FILETIME of the token, which may stand anywhere in it; None without one.

    Raises StatusError OBJECT_NAME_INVALID for a path with two: there is no version of a version.
    """
    if _BEGINNING not in name:
        return name, None
    kept = []
    found: int | None = None
    for component in name.split("\\"):
        time = parse_token(component)
        if time is None:
            kept.append(component)
        elif found is not None:
            raise StatusError(status.OBJECT_NAME_INVALID)
        else:
            found = time
    return "\\".join(kept), found
