"""Which tests are run by default, which are no tests of a file server, which depend on time, which want a setting."""

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Final

# What several clients do to one file. One name of smbtorture may be a whole suite or a single test.
SHARING: Final = tuple(
    "smb2." + name
    for name in [
        "lock",
        "oplock",
        "lease",
        "durable-open",
        "durable-v2-open",
        "durable-v2-delay",
        "replay",
        "multichannel",
        "notify",
        "notify-inotify",
        "sharemode",
        "deny",
        "delete-on-close-perms",
        "compound",
        "compound_async",
        "credits",
        "session",
        "session-id",
        "tcon",
        "connect",
        "maxfid",
        "secleak",
        "samba3misc",
    ]
)
ALL: Final = "all"  # the word for every smb2 suite

INAPPLICABLE: Final = {
    "smb2.kernel-oplocks*": "needs leases of the Linux kernel on a local folder",
    "smb2.hold-oplock*": "a tool that holds oplocks until it is stopped",
    "smb2.hold-sharemode*": "a tool that holds a share mode until it is stopped",
    "smb2.check-sharemode*": "a tool that wants access masks as parameters",
    "smb2.durable-open-disconnect*": "a tool that leaves a durable handle behind",
    "smb2.set-sparse-ioctl*": "wants a file name as parameter",
    "smb2.zero-data-ioctl*": "wants a file name and an offset as parameters",
    "smb2.twrp*": "needs snapshots made beforehand",
    "smb2.aio_delay*": "needs a module of Samba that delays",
    "smb2.timestamp_resolution*": "measures the clock",
    "smb2.scan*": "tries all levels and opcodes and asserts nothing",
    "smb2.bench*": "a benchmark",
    "smb2.create.bench-*": "a benchmark",
    "smb2.session-require-signing*": "needs a server that refuses unsigned sessions",
    "smb2.multichannel.bugs.bug_15346*": "connects to port 445 whatever it is told",
    "smb2.change_notify_disabled*": "needs a server without change notification",
}

# They wait for a fixed time and look who was faster; on a busy machine the wrong one may be. Run once more.
TIMING: Final = (
    "smb2.lease.timeout*",
    "smb2.lease.v2_rename",
    "smb2.oplock.batch22*",
    "smb2.multichannel.*",
    "smb2.durable-v2-delay.*",
    "smb2.notify.*",
    "smb2.notify-inotify.*",
    "smb2.compound.interim*",
    "smb2.compound_async.*",
    "smb2.replay.*",
    "smb2.maxfid",
    "smb2.timestamps.*",
    "smb2.session.expire*",
)

# Seconds for tests that are long by design; the others have the common limit.
LONG: Final = {"smb2.maxfid": 240.0, "smb2.notify.mask": 180.0}

# `{local}` is the folder behind the share.
SETTINGS: Final = {
    "smb2.samba3misc*": ("--option=torture:localdir={local}",),
    # SYNCHRONIZE alone opens a file since Windows 7, and by [MS-FSA] 2.1.5.1; the test takes Vista's word unless told.
    "smb2.create.gentest": ("--option=torture:win7=yes",),
    "smb2.ea.*": ("--option=torture:acl_xattr_name=NTACL",),  # an attribute of the server's own
}


def matches(test: str, patterns: Iterable[str]) -> bool:
    """Whether one of the shell patterns fits, case included."""
    return any(fnmatch.fnmatchcase(test, pattern) for pattern in patterns)


def choose(names: Iterable[str], suites: Sequence[str], patterns: Sequence[str] = ()) -> list[str]:
    """The tests of these suites that apply; with `patterns` only those that fit one, applicable or not."""
    wanted = ["smb2"] if ALL in suites else [suite if "." in suite else f"smb2.{suite}" for suite in suites]
    chosen = [name for name in names if any(name == suite or name.startswith(suite + ".") for suite in wanted)]
    if patterns:
        return [name for name in chosen if matches(name, patterns)]
    return [name for name in chosen if not matches(name, INAPPLICABLE)]


def time_limit(test: str, common: float) -> float:
    """Seconds that a test may take."""
    return max([common, *(seconds for pattern, seconds in LONG.items() if fnmatch.fnmatchcase(test, pattern))])


def settings_for(test: str, local: str) -> list[str]:
    """More arguments for smbtorture that this test wants."""
    found = []
    for pattern, arguments in SETTINGS.items():
        if fnmatch.fnmatchcase(test, pattern):
            found += [argument.replace("{local}", local) for argument in arguments]
    return found
