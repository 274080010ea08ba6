"""SIDs to principals and names to principals: well-known ones, this server's accounts, the host's users and groups.

Two steps, because the host may take its time: `host_question` says what must be asked of it, `by_sid` and `by_name`
use the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smbserver.nt.sid import sid
from smbserver.rpc.host_names import HostAnswer, HostQuestion
from smbserver.rpc.server_view import ServerView
from smbserver.rpc.well_known import (
    UNIX_GROUP,
    UNIX_GROUP_SID,
    UNIX_USER,
    UNIX_USER_SID,
    USE_DOMAIN,
    USE_GROUP,
    USE_UNKNOWN,
    USE_USER,
    WELL_KNOWN,
    Principal,
)

USERS_GROUP_RID: Final = 513
USERS_GROUP: Final = "None"
"""The group of all accounts, as a Windows without a domain calls it."""

_WELL_KNOWN_SIDS: Final = {each.sid: each for each in WELL_KNOWN}
_UNIX: Final = {UNIX_USER.lower(): (UNIX_USER_SID, UNIX_USER), UNIX_GROUP.lower(): (UNIX_GROUP_SID, UNIX_GROUP)}
_MAX_ID: Final = 0xFFFFFFFE  # a uid or gid; the last value means "none" to the host


def _below(who: bytes, domain: bytes) -> int | None:
    """The RID of a SID right below a domain's; None for any other."""
    if len(who) != len(domain) + 4 or who[1] != domain[1] + 1 or who[2 : len(domain)] != domain[2:]:
        return None
    return int.from_bytes(who[-4:], "little")


def text(who: bytes) -> str:
    """S-1-5-32-544, as people write it ([MS-DTYP] 2.4.2.1)."""
    parts = [int.from_bytes(who[at : at + 4], "little") for at in range(8, len(who), 4)]
    return "-".join(["S-1", str(int.from_bytes(who[2:8], "big")), *map(str, parts)])


# --- SIDs -------------------------------------------------------------------------------------------------------------


def question_of_sids(sids: Iterable[bytes]) -> HostQuestion:
    """What the host must be asked before these SIDs can be named."""
    uids, gids = set(), set()
    for who in sids:
        uid, gid = _below(who, UNIX_USER_SID), _below(who, UNIX_GROUP_SID)
        if uid is not None and uid <= _MAX_ID:
            uids.add(uid)
        if gid is not None and gid <= _MAX_ID:
            gids.add(gid)
    return HostQuestion(frozenset(uids), frozenset(gids))


def by_sid(view: ServerView, who: bytes, host: HostAnswer) -> Principal | None:
    """Who that is; None for a SID that nobody has."""
    known = _WELL_KNOWN_SIDS.get(who)
    if known is not None:
        return known
    uid = _below(who, UNIX_USER_SID)
    if uid is not None:
        # without a name the number is told: it is what `ls -l` shows too
        return Principal(USE_USER, UNIX_USER, UNIX_USER_SID, host.user_names.get(uid) or str(uid), who)
    gid = _below(who, UNIX_GROUP_SID)
    if gid is not None:
        return Principal(USE_GROUP, UNIX_GROUP, UNIX_GROUP_SID, host.group_names.get(gid) or str(gid), who)
    accounts = view.accounts
    if who == accounts.domain:
        return Principal(USE_DOMAIN, view.name, who, "", who)
    rid = _below(who, accounts.domain)
    return None if rid is None else _in_domain(view, rid)


def _in_domain(view: ServerView, rid: int) -> Principal | None:
    accounts = view.accounts
    who = account_sid(accounts.domain, rid)
    if rid == USERS_GROUP_RID:
        return Principal(USE_GROUP, view.name, accounts.domain, USERS_GROUP, who)
    account = accounts.find_rid(rid)
    return None if account is None else Principal(USE_USER, view.name, accounts.domain, account.name, who)


def account_sid(domain: bytes, rid: int) -> bytes:
    """The SID of a RID in a domain."""
    return bytes((domain[0], domain[1] + 1)) + domain[2:] + rid.to_bytes(4, "little")


def unknown(view: ServerView, who: bytes) -> Principal:
    """What is told of a SID that nobody has: its text, or its RID where the domain is ours ([MS-LSAT] 3.1.4.10)."""
    accounts = view.accounts
    rid = _below(who, accounts.domain)
    if rid is not None:
        return Principal(USE_UNKNOWN, view.name, accounts.domain, f"{rid:08X}", who)
    return Principal(USE_UNKNOWN, "", b"", text(who), who)


# --- names ------------------------------------------------------------------------------------------------------------


def _split(name: str) -> tuple[str | None, str]:
    """Domain and name; no domain for an isolated name. Both separators are Windows's own ([MS-LSAT] 3.1.4.5)."""
    domain, separator, rest = name.partition("\\")
    if separator:
        return domain, rest
    rest, separator, domain = name.rpartition("@")
    return (domain, rest) if separator and rest else (None, name)


def question_of_names(names: Iterable[str]) -> HostQuestion:
    """What the host must be asked before these names can be found: only names that say they are the host's."""
    users, groups = set(), set()
    for each in names:
        domain, name = _split(each)
        if domain is None or not name or "\0" in name:
            continue
        if domain.lower() == UNIX_USER.lower():
            users.add(name)
        elif domain.lower() == UNIX_GROUP.lower():
            groups.add(name)
    return HostQuestion(users=frozenset(users), groups=frozenset(groups))


def by_name(view: ServerView, text_name: str, host: HostAnswer) -> Principal | None:
    """Who is called that; None for a name that nobody has."""
    domain, name = _split(text_name)
    if domain is not None and domain.lower() in _UNIX:
        return _by_host_name(domain.lower(), name, host)
    for known in WELL_KNOWN:
        shown, of = known.name or known.domain, known.domain if known.name else ""
        if shown.lower() == name.lower() and (domain is None or domain.lower() == of.lower()):
            return known
    if domain is not None and domain.lower() != view.name.lower():
        return None
    return _by_account_name(view, name, domain is None)


def _by_account_name(view: ServerView, name: str, is_isolated: bool) -> Principal | None:
    accounts = view.accounts
    if is_isolated and name.lower() == view.name.lower():
        return Principal(USE_DOMAIN, view.name, accounts.domain, "", accounts.domain)
    account = accounts.find(name)
    if account is not None:
        return _in_domain(view, account.rid)
    return _in_domain(view, USERS_GROUP_RID) if name.lower() == USERS_GROUP.lower() else None


def _by_host_name(domain: str, name: str, host: HostAnswer) -> Principal | None:
    domain_sid, shown = _UNIX[domain]
    is_user = domain_sid == UNIX_USER_SID
    number = (host.uids if is_user else host.gids).get(name)
    if number is None or not 0 <= number <= _MAX_ID:
        return None
    who = sid(22, 1 if is_user else 2, number)
    return Principal(USE_USER if is_user else USE_GROUP, shown, domain_sid, name, who)
