"""Where an operator's snapshots are and what their names say: `.zfs/snapshot/auto-%Y-%m-%d_%H-%M-%S`, `%s`, `daily-*`.

One component of the path has the date, in fields as strftime's; `*` stands for anything. What is before it leads to the
directory of all snapshots, what is behind it to the share's root within one.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from smbserver.nt.snapshot_names import FIRST, filetime

_FIELDS: Final = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": "(?P<m>[0-9]{2})",
    "d": "(?P<d>[0-9]{2})",
    "H": "(?P<H>[0-9]{2})",
    "M": "(?P<M>[0-9]{2})",
    "S": "(?P<S>[0-9]{2})",
    "s": "(?P<s>[0-9]{1,11})",
    "z": "(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
    "%": "%",
}
_MAX_STARS: Final = 4  # a pattern with many is slow to refuse a name
_CENTURY: Final = 2000
_PIECE: Final = re.compile(r"%(.?)|([^%]+)", re.DOTALL)


class SnapshotPattern:
    """`prefix` and `suffix` are components; `is_absolute` says where the prefix starts.

    `local` takes dates without a zone (`%z`) as this machine's time, else they are UTC. Raises ValueError with a
    sentence for the operator.
    """

    def __init__(self, text: str, local: bool = False) -> None:
        components = [each for each in text.split("/") if each not in ("", ".")]
        if "\0" in text or ".." in components:
            raise ValueError("a pattern of snapshots has no '..'")
        dated = [index for index, each in enumerate(components) if "%" in each.replace("%%", "")]
        if len(dated) != 1:
            raise ValueError("one component of the pattern has the date, like auto-%Y-%m-%d_%H-%M-%S")
        [position] = dated
        plain = components[:position] + components[position + 1 :]
        if any("*" in each for each in plain):
            raise ValueError("a * can only stand in the component with the date")
        self.is_absolute = text.startswith("/")
        self.prefix = tuple(each.replace("%%", "%") for each in components[:position])
        self.suffix = tuple(each.replace("%%", "%") for each in components[position + 1 :])
        self._local = local
        self._regex = _compiled(components[position])

    def time_of(self, name: str) -> int | None:
        """The FILETIME that a directory's name tells; None for a name that does not fit."""
        match = self._regex.fullmatch(name)
        if match is None:
            return None
        found = match.groupdict()
        try:
            when = self._utc(found)
        except (ValueError, OverflowError, OSError):  # no such day, or out of all range
            return None
        return filetime(when) if when >= FIRST else None

    def _utc(self, found: dict[str, str | None]) -> datetime:
        def number(key: str, default: int = 0) -> int:
            return int(found.get(key) or default)

        if found.get("s"):
            return datetime.fromtimestamp(number("s"), UTC).replace(tzinfo=None)
        year = number("Y") if found.get("Y") else _CENTURY + number("y")
        when = datetime(year, number("m"), number("d"), number("H"), number("M"), number("S"))
        zone = found.get("z")
        if zone:
            return when - _offset(zone)
        return when.astimezone(UTC).replace(tzinfo=None) if self._local else when


def _compiled(component: str) -> re.Pattern[str]:
    parts = []
    seen: list[str] = []
    for field, text in _PIECE.findall(component):
        if text:
            parts.append(".*".join(re.escape(each) for each in text.split("*")))
            continue
        if field not in _FIELDS:
            raise ValueError(f"%{field} is no field of a snapshot's name; there are %{', %'.join(_FIELDS)}")
        if field in seen and field != "%":
            raise ValueError(f"%{field} stands twice in the pattern")
        seen.append(field)
        parts.append(_FIELDS[field])
    has_year = ("Y" in seen) != ("y" in seen)
    if not ("s" in seen) ^ (has_year and "m" in seen and "d" in seen):
        raise ValueError("a date needs %Y, %m and %d, or %s alone")
    if component.count("*") > _MAX_STARS:
        raise ValueError(f"at most {_MAX_STARS} * in a pattern")
    return re.compile("".join(parts), re.DOTALL)


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=minutes if zone[0] == "+" else -minutes)
