"""The command line's grammar, and its words to a Layer."""

import argparse
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from smbserver import __version__
from smbserver.config import words
from smbserver.config.environment import VARIABLES
from smbserver.config.options import Layer
from smbserver.config.settings import DIALECT_NAMES, check_port, check_server_name

T = TypeVar("T")

_WIDTH: Final = max(map(len, VARIABLES)) + 2

_EPILOG: Final = """\
examples:
  python -m smbserver --share /srv/data                             one directory, a generated password
  python -m smbserver --share films=/srv/films:ro --share /srv/in   two shares, one of them read-only
  python -m smbserver --share . --user ann --port 1445              a given user, a given port
  python -m smbserver --config smbserver.toml

options of a share, behind a colon: --share /srv/in:owner=www-data,file-mode=0664
  ro                    read-only
  owner=USER            everybody acts as this local user here: new files are his (needs root)
  group=GROUP           everybody has this group here: new files get it (needs root)
  file-mode=0664        permissions of new files, directory-mode=2775 those of new directories; "inherit" takes the
                        ones of the directory; default 0666 and 0777 less the umask
  hide=.*|Thumbs.db     names that clients see as hidden files; default .*, and | alone for none
  hide-unreadable       listings leave out what one may not read
  keep-acl-flags        the flag AUTO_INHERITED of an ACL is kept as sent, though not asked for as Windows wants it
  nostreams             files have no named streams
  plain-streams         AFP_AfpInfo and AFP_Resource are streams like others, without the rules of macOS's server
  apple-double          ._NAME of the same owner is taken apart into streams of NAME, and removed when they are stored
  time-machine          Apple's clients are told that a flush reaches the disk, and offer the share for backups
  size-limit=500G       all files together have no more than that; bands of sparse bundles count as whole ones

local users: with --act-as-users the kernel checks each request as it would check that user's own programs. Users and
  their groups are read once, at the start. Root is nobody's local user.

links and snapshots, behind a colon: --share /srv/in:symlinks=shown,snapshots=.zfs/snapshot/auto-%Y-%m-%d_%H-%M-%S
  symlinks=inside       a symbolic link that leads inside the share is followed, another one is not there (default)
  symlinks=shown        clients see links, may make such as lead inside, and follow them by themselves
  symlinks=none         symbolic links are not there
  snapshots=PATTERN     read-only previous versions: directories whose names have a date, in fields as those of date(1),
                        UTC; %s for seconds since 1970, * for anything; below DIR or absolute; the last of the options

passwords: whoever may list this machine's processes (ps) can read a password given with --user.
  Better: --password-file, lines NAME:PASSWORD, chmod 600; or SMBSERVER_PASSWORD.

configuration file (TOML; every key may be left out; relative paths start at the file's folder):
  server_name = "NAS"           guest = false              bind = ["0.0.0.0", "::"]     port = 445
  signing = "required"          encryption = "offered"     min_dialect = "2.0.2"        max_dialect = "3.1.1"
  password_file = "passwords"   delay_failed_logins = true
  act_as_users = false          guest_acts_as = "nobody"   deferred_write_time = false
  [[share]]                     once for each share
  name = "films"                path = "/srv/films"
  read_only = true              encrypt = false            comment = "no spoilers"
  owner = "www-data"            group = "www-data"         file_mode = "0664"           directory_mode = "2775"
  hide_files = ".*|Thumbs.db"   hide_unreadable = true      keep_acl_flags = false
  streams = true                plain_streams = false      apple_double = false         time_machine = false
  size_limit = "500G"
  symlinks = "inside"           snapshots = "/srv/.snapshots/%Y%m%d-%H%M"               snapshots_local = false
  [[user]]                      once for each user
  name = "ann"                  password = "secret"        then the file must not be readable by others
  acts_as = "anna"              the local user, where its name differs
  [limits]
  connections = 4096            connections_per_address = 1024
  login_seconds = 30            drain_seconds = 10

environment variables, read last: the command line wins over the file, the file over these; a list wins as a whole
""" + "".join(f"  {name:{_WIDTH}}{meaning}\n" for name, meaning in VARIABLES.items())


class _Parser(argparse.ArgumentParser):
    """Refuses unknown words without repeating them: the word after a misspelt --user holds a password."""

    def refuse(self, unknown: Sequence[str]) -> None:
        options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        if options:
            self.error(f"unknown option {options[0]}; --help lists all")
        self.error("a directory is given with --share DIR")


def parser() -> _Parser:
    """The command line's grammar."""
    p = _Parser(
        prog="smbserver",
        description="Share directories with SMB 2 and 3 clients: smbclient, Linux, Windows, macOS.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = p.add_argument
    share_help = "a directory to share; repeatable; options are separated by commas, see below"
    add("--share", action="append", metavar="[NAME=]DIR[:OPTIONS]", help=share_help)
    add("--user", action="append", metavar="NAME[:PASSWORD]", help="who may log in; repeatable; see passwords below")
    add("--password-file", metavar="FILE", help="accounts, one NAME:PASSWORD a line; must not be readable by others")
    guest_help = "let anybody in without a password; nothing they do is signed or sealed"
    add("--guest", action=argparse.BooleanOptionalAction, default=None, help=guest_help)
    act_help = "started as root, each user acts as the local user of that name, by the kernel's rules; see below"
    add("--act-as-users", action=argparse.BooleanOptionalAction, default=None, help=act_help)
    add("--map-user", action="append", metavar="NAME=LOCAL", help="this user acts as another local user; repeatable")
    add("--guest-acts-as", metavar="LOCAL", help="whom guests act as; default nobody")
    add("--bind", action="append", metavar="ADDRESS", help="listen here only; repeatable; default everywhere")
    add("--port", metavar="N", help="default 445, or 1445 where that is not possible; 0 takes any free one")
    add("--config", metavar="FILE", help="a configuration file; see below")
    add("--name", metavar="NAME", help="what the server calls itself; default the host's name")
    add("--signing", choices=[*words.SIGNING_WORDS], help="default required")
    add("--encryption", choices=[*words.ENCRYPTION_WORDS], help="default offered")
    add("--min-dialect", metavar="D", help=f"one of {', '.join(DIALECT_NAMES)}; default 2.0.2")
    add("--max-dialect", metavar="D", help="likewise; default 3.1.1")
    add("--ready-file", metavar="FILE", help="write process id and addresses here as JSON once listening")
    add("--verbose", "-v", action="store_true", help="log logins and connections to standard error")
    add("--host-locks", action="store_true", help="local programs see the clients' byte-range locks (advisory, Linux)")
    deferred_help = "show write times as NTFS before Windows 10 1809: after two seconds, a flush or the close"
    add("--deferred-write-time", action="store_true", help=deferred_help)
    posix_help = "modes, exact names and deletion as Linux's mount -o posix has them, for who asks; default on"
    add("--posix-extensions", action=argparse.BooleanOptionalAction, default=None, help=posix_help)
    add("--torture", action="store_true", help="test hook: let clients make this server misbehave (FSCTL_SMBTORTURE)")
    add("--version", action="version", version=f"smbserver {__version__}")
    return p


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Raises SystemExit as argparse does."""
    p = parser()
    arguments, unknown = p.parse_known_args(argv)
    if unknown:
        p.refuse(unknown)
    return arguments


def layer_from(arguments: argparse.Namespace) -> Layer:
    """What the command line says. Raises ConfigError that names the option."""
    if arguments.name is not None:
        with words.said_in("--name"):
            check_server_name(arguments.name)
    port = _one("--port", arguments.port, words.port)
    if port is not None:
        check_port(port)
    return Layer(
        shares=_each("--share", arguments.share, words.share),
        users=_each("--user", arguments.user, words.user),
        password_file=arguments.password_file,
        guest=arguments.guest,
        bind=None if arguments.bind is None else tuple(arguments.bind),
        port=port,
        signing_required=_one("--signing", arguments.signing, words.signing),
        encryption=_one("--encryption", arguments.encryption, words.encryption),
        min_dialect=_one("--min-dialect", arguments.min_dialect, words.dialect),
        max_dialect=_one("--max-dialect", arguments.max_dialect, words.dialect),
        server_name=arguments.name,
        act_as_users=arguments.act_as_users,
        local_users=_each("--map-user", arguments.map_user, words.mapped_user),
        guest_acts_as=arguments.guest_acts_as,
        host_locks=True if arguments.host_locks else None,
        deferred_write_time=True if arguments.deferred_write_time else None,
        posix_extensions=arguments.posix_extensions,
        torture=True if arguments.torture else None,
    )


def _one(option: str, text: str | None, convert: Callable[[str], T]) -> T | None:
    if text is None:
        return None
    with words.said_in(option):
        return convert(text)


def _each(option: str, texts: Sequence[str] | None, convert: Callable[[str], T]) -> tuple[T, ...] | None:
    if texts is None:
        return None
    with words.said_in(option):
        return tuple(convert(text) for text in texts)
