"""Which tests are run by default, which are no tests of a file server, which depend on time, which want a setting."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from conformance.smbtorture.versions import FILE, STREAM, STREAM_DATA, TOKEN

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
# What clients ask over named pipes on file pages, and what libsmbclient makes of all of it.
RPC: Final = (
    "rpc.bind",
    "rpc.lsa-getuser",
    "rpc.srvsvc",
    "rpc.samba3",
    # The rest of its suite is about redirectors and joining domains.
    "rpc.wkssvc.wkssvc.NetWkstaEnumUsers",
    "rpc.wkssvc.wkssvc.NetWkstaTransportEnum",
)
LIBSMBCLIENT: Final = ("libsmbclient",)
# What is done to the data of a file by control codes. Run with `--folder` on btrfs nearly nothing is skipped.
DATA: Final = ("smb2.ioctl", "smb2.ioctl-on-stream")
# Security descriptors, and what they grant.
SECURITY: Final = (
    "smb2.acls",
    "smb2.acls_non_canonical",
    "smb2.maximum_allowed",
    "smb2.rename",
    "smb2.sdread",
)
# What is told of files and volumes, extended attributes, and what names are.
INFORMATION: Final = (
    "smb2.getinfo",
    "smb2.setinfo",
    "smb2.ea",
    "smb2.fileid",
    "smb2.charset",
    "smb2.mangle",
    "smb2.compound_find",
    "smb2.openattr",
    "smb2.read",
    "smb2.rw",
    "smb2.create.quota-fake-file",
)
STREAMS: Final = ("smb2.streams", "smb2.create_no_streams", "vfs.streams_xattr")
# The rules of CREATE, directories, times and attributes.
FILES: Final = (
    "smb2.create",
    "smb2.mkdir",
    "smb2.dir",
    "smb2.timestamps",
    "smb2.dosmode",
    "smb2.async_dosmode",
    "smb2.winattr",
)
# Files as Finder has them.
APPLE: Final = ("vfs.fruit", "vfs.fruit_file_id", "vfs.fruit_timemachine", "vfs.fruit_conversion")
GROUPS: Final = {
    "apple": APPLE,
    "files": FILES,
    "streams": STREAMS,
    "sharing": SHARING,
    "data": DATA,
    "security": SECURITY,
    "information": INFORMATION,
    "rpc": RPC,
    "libsmbclient": LIBSMBCLIENT,
}
"""Words that stand for several suites."""
ALL: Final = "all"  # the word for every smb2 suite
DEFAULT: Final = (ALL, "streams", "rpc", "libsmbclient", "apple")

INAPPLICABLE: Final = {
    "smb2.kernel-oplocks*": "needs leases of the Linux kernel on a local folder",
    "smb2.hold-oplock*": "a tool that holds oplocks until it is stopped",
    "smb2.hold-sharemode*": "a tool that holds a share mode until it is stopped",
    "smb2.check-sharemode*": "a tool that wants access masks as parameters",
    "smb2.durable-open-disconnect*": "a tool that leaves a durable handle behind",
    "smb2.set-sparse-ioctl*": "wants a file name as parameter",
    "smb2.zero-data-ioctl*": "wants a file name and an offset as parameters",
    "smb2.aio_delay*": "needs a module of Samba that delays",
    "smb2.timestamp_resolution*": "measures the clock",
    "smb2.scan*": "tries all levels and opcodes and asserts nothing",
    "smb2.bench*": "a benchmark",
    "smb2.create.bench-*": "a benchmark",
    "smb2.session-require-signing*": "needs a server that refuses unsigned sessions",
    "smb2.multichannel.bugs.bug_15346*": "connects to port 445 whatever it is told",
    "smb2.change_notify_disabled*": "needs a server without change notification",
    "rpc.bind.assoc_group_handles_external": "wants an endpoint mapper on TCP port 135",
    "rpc.samba3.bind": "speaks SMB1",
    "rpc.samba3.netlogon": "speaks SMB1",
    "rpc.samba3.sessionkey": "speaks SMB1",
    "rpc.samba3.srvsvc": "speaks SMB1",
    "rpc.samba3.sharesec": "speaks SMB1",
    "rpc.samba3.getusername": "speaks SMB1",
    "rpc.samba3.randomauth2": "speaks SMB1",
    "rpc.samba3.lsa": "speaks SMB1",
    "rpc.samba3.spoolss": "speaks SMB1",
    "rpc.samba3.wkssvc": "speaks SMB1",
    "rpc.samba3.winreg": "speaks SMB1",
    "rpc.samba3.getaliasmembership-0": "speaks SMB1",
    "rpc.samba3.regconfig": "speaks SMB1",
    "rpc.samba3.smb-reauth*": "speaks SMB1",
    "rpc.samba3.smb1-pipe-name": "speaks SMB1",
    "rpc.samba3.lsa_over_netlogon": "needs a domain controller",
    "rpc.samba3.pipes_supported_interfaces": "needs Samba's private pipes",
    "libsmbclient.version*": "never speaks to a server",
    "libsmbclient.initialize*": "never speaks to a server",
    "libsmbclient.configuration*": "never speaks to a server",
    "libsmbclient.setConfiguration*": "never speaks to a server",
    "libsmbclient.options*": "never speaks to a server",
    "libsmbclient.opendir*": "needs a network neighbourhood",
    "libsmbclient.noanon_list*": "never speaks to a server",
}

# They wait for a fixed time and look who was faster; on a busy machine the wrong one may be. Run again.
# smb2.notify.basedir asks on one connection and changes on another without waiting for either: one in a hundred on two
# busy cores, because the server goes on for some requests with who asks one after the other (transcript 0034).
TRIES_MORE: Final = 2
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

NEEDS_VERSIONS: Final = ("smb2.twrp*",)  # previous versions of the share, see versions.py

_SMB_URL: Final = "--option=torture:smburl=smb://{login}@{host}:{port}/"

# `{local}` is the folder behind the share, `{login}` user:password. Of two settings of one option the later holds.
SETTINGS: Final = {
    "smb2.samba3misc*": ("--option=torture:localdir={local}",),
    # Any share will do: they ask what names no file, and Samba once looked at the share's folder first.
    "smb2.ioctl.bug14788.*": ("--option=torture:noperm_share=torture2",),
    # SYNCHRONIZE alone opens a file since Windows 7, and by [MS-FSA] 2.1.5.1; the test takes Vista's word unless told.
    "smb2.create.gentest": ("--option=torture:win7=yes",),
    "smb2.twrp*": (
        f"--option=torture:twrp_snapshot={TOKEN}",
        f"--option=torture:twrp_file={FILE}",
        f"--option=torture:twrp_stream={STREAM}",
        f"--option=torture:twrp_stream_size={len(STREAM_DATA)}",
    ),
    # A second share over the same folder, and what becomes of a file that was taken apart.
    "vfs.fruit.invalid AFP_AfpInfo": ("--option=torture:share2=plain_streams",),
    "vfs.fruit_conversion.*": ("--option=torture:share2=apple_double", "--option=torture:delete_empty_adfiles=true"),
    "smb2.ea.*": ("--option=torture:acl_xattr_name=NTACL",),  # an attribute of the server's own
    "libsmbclient.*": (_SMB_URL + "{share}",),
    "libsmbclient.list_shares": (_SMB_URL,),
    "libsmbclient.utimes": (_SMB_URL + "{share}/utimes.txt",),
}
# What smbtorture is aimed at. The file server tests want a share, the RPC ones a binding.
_SHARE_TARGET: Final = "//{host}/{share}"
_BINDING: Final = "ncacn_np:{host}"

# Further shares over the folder of the first one, with their options (what stands behind the colon): some tests have
# the name of one built in, others want a server that is set up otherwise and are sent there by SENT_TO.
SHARES: Final = {
    "hideunread": "hide-unreadable",
    "acls_non_canonical": "keep-acl-flags",
    "no_streams": "nostreams",
    "dosmode": "hide=.*|hidefile",
    "plain_streams": "plain-streams",
    "apple_double": "apple-double",
}
# Shares over folders of their own: whatever else is there would be counted.
FOLDERS: Final = {"time_machine": "time-machine,size-limit=32K"}
SENT_TO: Final = {
    "smb2.create_no_streams*": "no_streams",
    "smb2.acls_non_canonical*": "acls_non_canonical",
    "smb2.dosmode": "dosmode",
    "vfs.fruit.OS X AppleDouble file conversion*": "apple_double",
    "vfs.fruit_timemachine.*": "time_machine",
}


def matches(test: str, patterns: Iterable[str]) -> bool:
    """Whether one of the shell patterns fits, case included."""
    return any(fnmatch.fnmatchcase(test, pattern) for pattern in patterns)


def choose(names: Iterable[str], suites: Sequence[str], patterns: Sequence[str] = ()) -> list[str]:
    """The tests of these suites that apply; with `patterns` only those that fit one, applicable or not."""
    wanted = [name for suite in suites for name in _suite_names(suite)]
    chosen = [name for name in names if any(name == suite or name.startswith(suite + ".") for suite in wanted)]
    if patterns:
        return [name for name in chosen if matches(name, patterns)]
    return [name for name in chosen if not matches(name, INAPPLICABLE)]


def _suite_names(suite: str) -> Sequence[str]:
    if suite == ALL:
        return ("smb2",)
    if suite in GROUPS:
        return GROUPS[suite]
    return (suite if "." in suite else f"smb2.{suite}",)


def time_limit(test: str, common: float) -> float:
    """Seconds that a test may take."""
    return max([common, *(seconds for pattern, seconds in LONG.items() if fnmatch.fnmatchcase(test, pattern))])


def settings_for(test: str, values: Mapping[str, str]) -> list[str]:
    """More arguments for smbtorture that this test wants; `values` fill the names in braces."""
    chosen = [arguments for pattern, arguments in SETTINGS.items() if fnmatch.fnmatchcase(test, pattern)]
    return [argument.format_map(values) for arguments in chosen for argument in arguments]


def target_for(test: str, values: Mapping[str, str]) -> str:
    """What the test is aimed at."""
    return (_BINDING if test.startswith("rpc.") else _SHARE_TARGET).format_map(values)


def share_for(test: str, usual: str) -> str:
    """The share that this test is run on."""
    return next((share for pattern, share in SENT_TO.items() if fnmatch.fnmatchcase(test, pattern)), usual)
