"""What is asked of the host: the names behind uids and gids, and the numbers behind names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class HostQuestion(NamedTuple):
    """Numbers whose names, and names whose numbers are wanted."""

    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


class HostAnswer(NamedTuple):
    """What the host knows of it; what is not in here it does not know."""

    user_names: Mapping[int, str] = {}
    group_names: Mapping[int, str] = {}
    uids: Mapping[str, int] = {}
    gids: Mapping[str, int] = {}
