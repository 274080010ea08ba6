"""The options of a share for links and snapshots, beside all the others and in any order that makes sense."""

from __future__ import annotations

import pytest

from smbserver.backend.base import Symlinks
from smbserver.config import words
from smbserver.config.settings import ShareSettings
from smbserver.errors import ConfigError

PATTERN = ".zfs/snapshot/auto-%Y-%m-%d_%H:%M:%S,x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/a:symlinks=shown", ShareSettings("a", "/srv/a", symlinks=Symlinks.SHOWN)),
        ("/srv/a:symlinks=none,ro", ShareSettings("a", "/srv/a", True, symlinks=Symlinks.NONE)),
        ("/srv/a:ro,symlinks=inside", ShareSettings("a", "/srv/a", True)),
        (
            "x=/srv/a:owner=ann,symlinks=shown,ro",
            ShareSettings("x", "/srv/a", True, owner="ann", symlinks=Symlinks.SHOWN),
        ),
        (f"/srv/a:snapshots={PATTERN}", ShareSettings("a", "/srv/a", snapshots=PATTERN)),
        (
            f"x=/srv/a:ro,symlinks=shown,snapshots={PATTERN}",
            ShareSettings("x", "/srv/a", True, symlinks=Symlinks.SHOWN, snapshots=PATTERN),
        ),
        ("/srv/a=b/symlinks=shown/x", ShareSettings("x", "/srv/a=b/symlinks=shown/x")),
    ],
)
def test_shares(text: str, expected: ShareSettings) -> None:
    assert words.share(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/srv/a:symlinks=wide", "no such symlinks: 'wide'; there are inside, shown, none"),
        ("/srv/a:symlinks=", "no such symlinks"),
        ("/srv/a:snapshots=", "nothing behind it"),
        (":snapshots=%Y%m%d", "names no directory"),
        ("memory::symlinks=shown", "neither links nor snapshots"),
        ("memory::snapshots=%Y%m%d", "neither links nor snapshots"),
    ],
)
def test_wrong_ones(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        words.share(text)


def test_local_time_of_nothing() -> None:
    with pytest.raises(ConfigError, match="snapshots_local"):
        ShareSettings("a", "/srv/a", snapshots_local=True)
