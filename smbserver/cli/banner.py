"""What is printed once the server listens: shares, who may log in, and a line to paste for each client."""

import shlex
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from smbserver import __version__
from smbserver.config.settings import DEFAULT_PORT, Settings

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE: Final = ("0.0.0.0", "::")
MAX_ADDRESSES: Final = 6  # a machine with containers has dozens


def banner(
    settings: Settings,
    addresses: Sequence[tuple[str, int]],
    machine: Sequence[str],
    made_for: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """`machine`: its own addresses. `made_for`: users whose generated password is shown here. `notes`: said first."""
    port = addresses[0][1]
    hosts = _hosts([host for host, _ in addresses], machine)
    lines = [f"smbserver {__version__} is serving on port {port}"]
    lines += [f"  {note}" for note in notes]
    lines += [""]
    lines += [f"  {share.name}: {share.path}{' (read-only)' if share.read_only else ''}" for share in settings.shares]
    lines += ["", f"  reached at {', '.join(hosts)}{_only_here(hosts)}"]
    lines += _people(settings, made_for)
    lines += ["", *_commands(settings, hosts[0], port), "", "Ctrl-C ends it; a second one at once."]
    return "\n".join(lines)


def _hosts(bound: list[str], machine: Sequence[str]) -> list[str]:
    hosts: list[str] = []
    for host in bound:
        if host in _EVERYWHERE:
            hosts += [each for each in machine if (":" in each) == (":" in host)]
        else:
            hosts.append(host)
    if not hosts:
        hosts = ["127.0.0.1" if "0.0.0.0" in bound else "::1"]  # everywhere, on a machine without a network
    return list(dict.fromkeys(hosts))[:MAX_ADDRESSES]


def _only_here(hosts: Sequence[str]) -> str:
    return "   (from this machine only)" if all(host in LOOPBACK for host in hosts) else ""


def _people(settings: Settings, made_for: Sequence[str]) -> list[str]:
    lines = [f"  user {name}, password {word}   (for this run)" for name, word in settings.users if name in made_for]
    others = [name for name, _ in settings.users if name not in made_for]
    if others:
        lines.append(f"  user{'s' if len(others) > 1 else ''} {', '.join(others)}")
    if settings.guest:
        lines.append("  guests come in without a password: nothing they do is signed or sealed")
    return lines


def _commands(settings: Settings, host: str, port: int) -> list[str]:
    share = settings.shares[0].name
    user = settings.users[0][0] if settings.users else ""
    default = port == DEFAULT_PORT
    target = shlex.quote(f"//{host}/{share}")
    smbclient = f"smbclient {target} {'-U ' + shlex.quote(user) if user else '-N'}{'' if default else f' -p {port}'}"
    options = [f"username={user}" if user else "guest", "uid=$(id -u)"]
    if not default:
        options.append(f"port={port}")
    if settings.max_dialect < 0x0300:
        options.append("vers=2.1" if settings.max_dialect == 0x0210 else "vers=2.0")  # mount's default starts at 2.1
    mount = f"sudo mount -t cifs {target} /mnt -o {_mount_options(options)}"
    url_host = f"[{host}]" if ":" in host else host
    url_port = "" if default else f":{port}"
    finder = f"smb://{quote(user or 'guest', safe='')}@{url_host}{url_port}/{quote(share, safe='')}"
    # A UNC path cannot hold colons; Windows reads this spelling of an IPv6 address without asking any name server.
    unc_host = f"{host.replace(':', '-').replace('%', 's')}.ipv6-literal.net" if ":" in host else host
    unc = f'"\\\\{unc_host}\\{share}"' if " " in share else f"\\\\{unc_host}\\{share}"
    windows = f"net use Z: {unc}{f' /user:{user}' if user else ''}"
    if not default:
        windows += f" /TCPPORT:{port}"
    lines = [
        f"  smbclient   {smbclient}",
        f"  Linux       {mount}",
        f"  Windows     {windows}{'' if default else '   (needs Windows 11 24H2)'}",
        f"  macOS       Finder, Go, Connect to Server (Cmd-K): {finder}",
    ]
    if not user:
        lines.append("  Windows and macOS refuse guests unless told otherwise: --user NAME gives them an account")
    return lines


def _mount_options(options: Sequence[str]) -> str:
    return ",".join(part if part.startswith("uid=$") else shlex.quote(part) for part in options)
