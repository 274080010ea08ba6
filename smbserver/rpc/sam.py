"""The SAM as this server has it: two domains, who is in them, and what handles stand for. [MS-SAMR] 3.1.1

The account domain has the configured accounts and one group that all are in. Builtin has Windows's aliases; accounts
are in Users, the guest is in Guests, and nobody in any other.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from smbserver.nt.sid import sid
from smbserver.rpc.server_view import AccountView, ServerView
from smbserver.rpc.translate import USERS_GROUP, USERS_GROUP_RID, account_sid
from smbserver.rpc.well_known import (
    ALIAS_GUESTS,
    ALIAS_USERS,
    BUILTIN,
    BUILTIN_ALIASES,
    BUILTIN_SID,
    USE_ALIAS,
    USE_GROUP,
    USE_USER,
)

GUEST_RID: Final = 501

ACB_NORMAL: Final = 0x00000010
ACB_PASSWORD_NOT_REQUIRED: Final = 0x00000004
ACB_PASSWORD_NEVER_EXPIRES: Final = 0x00000200
"""UserAccountControl ([MS-SAMR] 2.2.1.12)."""

GROUP_ATTRIBUTES: Final = 7
"""SE_GROUP_MANDATORY, ENABLED_BY_DEFAULT and ENABLED (2.2.1.10)."""

MIN_PASSWORD_LENGTH: Final = 1
"""Characters; an empty password lets everybody in who knows the name."""

AUTHENTICATED_USERS: Final = sid(5, 11)


class SamEntry(NamedTuple):
    """A user, group or alias; `use` is its SID_NAME_USE."""

    rid: int
    name: str
    use: int


class SamServer:
    """What a handle of SamrConnect stands for."""

    __slots__ = ()


class SamDomain:
    """One of the two domains, seen by one client."""

    __slots__ = ("is_builtin", "name", "sid", "view")

    def __init__(self, view: ServerView, is_builtin: bool) -> None:
        self.view = view
        self.is_builtin = is_builtin
        self.name = BUILTIN if is_builtin else view.name
        self.sid = BUILTIN_SID if is_builtin else view.accounts.domain

    @property
    def users(self) -> list[SamEntry]:
        """By RID."""
        if self.is_builtin:
            return []
        return [SamEntry(each.rid, each.name, USE_USER) for each in self.view.accounts.accounts]

    @property
    def groups(self) -> list[SamEntry]:
        """By RID."""
        return [] if self.is_builtin else [SamEntry(USERS_GROUP_RID, USERS_GROUP, USE_GROUP)]

    @property
    def aliases(self) -> list[SamEntry]:
        """By RID."""
        return [SamEntry(rid, name, USE_ALIAS) for rid, name in BUILTIN_ALIASES.items()] if self.is_builtin else []

    def find(self, name: str) -> SamEntry | None:
        """By name, case ignored."""
        if not self.is_builtin:
            account = self.view.accounts.find(name)
            if account is not None:
                return SamEntry(account.rid, account.name, USE_USER)
        return next((each for each in [*self.groups, *self.aliases] if each.name.lower() == name.lower()), None)

    def find_rid(self, rid: int) -> SamEntry | None:
        """By RID."""
        if not self.is_builtin:
            account = self.view.accounts.find_rid(rid)
            if account is not None:
                return SamEntry(account.rid, account.name, USE_USER)
        return next((each for each in [*self.groups, *self.aliases] if each.rid == rid), None)

    def aliases_of(self, sids: list[bytes]) -> list[int]:
        """RIDs of the aliases that one of these is a member of."""
        if not self.is_builtin:
            return []
        own = self.view.accounts.domain
        found = set()
        for who in sids:
            if who == account_sid(own, GUEST_RID):
                found.add(ALIAS_GUESTS)
            elif who in (AUTHENTICATED_USERS, account_sid(own, USERS_GROUP_RID)) or self._is_account(who):
                found.add(ALIAS_USERS)
        return sorted(found)

    def _is_account(self, who: bytes) -> bool:
        rid = int.from_bytes(who[-4:], "little")
        accounts = self.view.accounts
        return who == account_sid(accounts.domain, rid) and accounts.find_rid(rid) is not None

    def members_of(self, rid: int) -> list[bytes]:
        """SIDs of an alias's members."""
        own = self.view.accounts.domain
        if rid == ALIAS_USERS:
            return [AUTHENTICATED_USERS, account_sid(own, USERS_GROUP_RID)]
        return [account_sid(own, GUEST_RID)] if rid == ALIAS_GUESTS else []


class SamUser(NamedTuple):
    """What a handle of SamrOpenUser stands for."""

    domain: SamDomain
    account: AccountView

    @property
    def control(self) -> int:
        """UserAccountControl: nobody's password expires, and a guest needs none."""
        if self.account.rid == GUEST_RID:
            return ACB_NORMAL | ACB_PASSWORD_NOT_REQUIRED | ACB_PASSWORD_NEVER_EXPIRES
        return ACB_NORMAL | ACB_PASSWORD_NEVER_EXPIRES

    @property
    def group(self) -> int:
        """RID of the primary group."""
        return USERS_GROUP_RID


class SamGroup(NamedTuple):
    """What a handle of SamrOpenGroup stands for."""

    domain: SamDomain
    entry: SamEntry

    @property
    def members(self) -> list[int]:
        """RIDs: everybody but the guest."""
        return [each.rid for each in self.domain.users if each.rid != GUEST_RID]


class SamAlias(NamedTuple):
    """What a handle of SamrOpenAlias stands for."""

    domain: SamDomain
    entry: SamEntry
