"""Names of users and groups of this machine to ids, asked once at the start; what is wrong is said so that it helps."""

import grp
import os
import pwd

from smbserver.auth.accounts import upper_case
from smbserver.backend.acting import LocalUser
from smbserver.config.settings import DEFAULT_GUEST, Settings, ShareSettings
from smbserver.errors import ConfigError

_IDS = 0xFFFFFFFF  # the last one is nobody's: the kernel takes it for "leave it"


def needs_switching(settings: Settings, own: LocalUser) -> bool:
    """Whether anybody acts as somebody else than the user who started the server. Raises ConfigError if not root."""
    if own.uid == 0:
        return settings.act_as_users or any(share.owner or share.group for share in settings.shares)
    if settings.act_as_users:
        raise ConfigError("--act-as-users (act_as_users) needs root: only root can act as other users")
    for share in settings.shares:
        if share.owner and find_user(share.owner, f"share {share.name}: owner").uid != own.uid:
            raise ConfigError(
                f"share {share.name}: owner={share.owner} needs root: start the server as root, or as {share.owner}"
            )
        if share.group and find_group(share.group, f"share {share.name}: group") != own.gid:
            raise ConfigError(
                f"share {share.name}: group={share.group} needs root; without it: chgrp {share.group} {share.path}; "
                f"chmod g+s {share.path}"
            )
    return False


def find_user(name: str, place: str) -> LocalUser:
    """By name or number, with the groups it has now. `place` says where the name stands. Raises ConfigError."""
    try:
        entry = pwd.getpwuid(int(name)) if name.isascii() and name.isdigit() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        if name.isascii() and name.isdigit() and len(name) <= 10 and int(name) < _IDS:
            return LocalUser(name, int(name), int(name), ())  # a container's: in no passwd file, and of no group
        raise ConfigError(f"{place}: this machine has no user {name!r}") from None
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return LocalUser(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups))


def find_group(name: str, place: str) -> int:
    """The gid of a group given by name or number. Raises ConfigError."""
    if name.isascii() and name.isdigit():
        if len(name) <= 10 and int(name) < _IDS:
            return int(name)
    else:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            pass
    raise ConfigError(f"{place}: this machine has no group {name!r}")


def share_owner(share: ShareSettings) -> tuple[LocalUser | None, int | None]:
    """Whom everybody acts as on a share, and the gid in place of everybody's own. Raises ConfigError."""
    owner = group = None
    if share.owner:
        owner = _not_root(find_user(share.owner, f"share {share.name}: owner"), f"share {share.name}: owner")
    if share.group:
        group = find_group(share.group, f"share {share.name}: group")
    return owner, group


def mapped_users(settings: Settings) -> tuple[dict[str, LocalUser] | None, LocalUser | None]:
    """The local user of each account by its upper-case name, and the one of guests. Raises ConfigError."""
    if not settings.act_as_users:
        return None, None
    local = {upper_case(name): other for name, other in settings.local_users}
    found = {}
    for name, _ in settings.users:
        place = f"user {name}"
        try:
            user = find_user(local.get(upper_case(name), name), place)
        except ConfigError as problem:
            raise ConfigError(f"{problem}; --map-user {name}=LOCAL (acts_as) names another one") from None
        found[upper_case(name)] = _not_root(user, place)
    guest = None
    if settings.guest:
        guest = _not_root(find_user(settings.guest_acts_as or DEFAULT_GUEST, "--guest-acts-as"), "--guest-acts-as")
    return found, guest


def _not_root(user: LocalUser, place: str) -> LocalUser:
    if user.uid == 0:
        raise ConfigError(f"{place}: nobody acts as root; map it to another local user")
    return user
