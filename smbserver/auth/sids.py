"""Who a user is as a SID: this server's account domain, a RID for each account, and the way back. [MS-DTYP] 2.4.2

Nothing is stored. The domain comes from a seed that stays over restarts, a RID from the folded name, so a descriptor
that was written to disk yesterday means the same people today.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

from smbserver.auth.accounts import upper_case
from smbserver.auth.identity import Identity
from smbserver.nt.sid import sid

GUEST_RID: Final = 501
"""DOMAIN_USER_RID_GUEST: who came in without a password ([MS-DTYP] 2.4.2.4)."""
USERS_GROUP_RID: Final = 513
"""The group that every account is in; Windows calls it "None" where there is no domain controller."""
FIRST_RID: Final = 1000  # below it are the RIDs that Windows knows by heart
END_OF_RIDS: Final = 1 << 30
GUEST_NAME: Final = "Guest"

ANONYMOUS_SID: Final = sid(5, 7)

_DOMAIN_LABEL: Final = b"smbserver account domain\0"
_RID_LABEL: Final = b"smbserver account\0"


def machine_sid(seed: bytes) -> bytes:
    """S-1-5-21-a-b-c: the SID of the account domain. The same seed gives the same SID for ever."""
    digest = hashlib.sha256(_DOMAIN_LABEL + seed).digest()
    return sid(5, 21, *(int.from_bytes(digest[at : at + 4], "little") for at in (0, 4, 8)))


def user_rid(name: str, attempt: int = 0) -> int:
    """A RID in FIRST_RID to END_OF_RIDS for a name, case ignored; `attempt` counts what others have taken before."""
    text = upper_case(name).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(_RID_LABEL + attempt.to_bytes(4, "little") + text).digest()
    return FIRST_RID + int.from_bytes(digest[:8], "little") % (END_OF_RIDS - FIRST_RID)


def with_rid(domain: bytes, rid: int) -> bytes:
    """The SID of an account or group of a domain: one sub-authority more."""
    return domain[:1] + bytes((domain[1] + 1,)) + domain[2:] + rid.to_bytes(4, "little")


def split_rid(who: bytes) -> tuple[bytes, int]:
    """A domain's SID and the RID in it. `who` has at least one sub-authority."""
    return who[:1] + bytes((who[1] - 1,)) + who[2:-4], int.from_bytes(who[-4:], "little")


class SidAccount(NamedTuple):
    """An account as the domain knows it."""

    name: str
    rid: int


class UserSids:
    """The accounts of one server by name, RID and SID. Settled when it is made; never asks anybody.

    An account that is called like the guest keeps a RID of its own: whoever comes in without a password is RID 501
    and nobody else.
    """

    def __init__(self, domain: bytes, names: Iterable[str]) -> None:
        """`domain` is a `machine_sid`; `names` differ when case is ignored."""
        self.domain = domain
        self.guest = with_rid(domain, GUEST_RID)
        self.users_group = with_rid(domain, USERS_GROUP_RID)
        by_rid: dict[int, SidAccount] = {}
        for name in sorted(names, key=upper_case):  # whatever order they were configured in
            attempt = 0
            while (rid := user_rid(name, attempt)) in by_rid:
                attempt += 1
            by_rid[rid] = SidAccount(name, rid)
        self._by_name = {upper_case(account.name): account for account in by_rid.values()}
        self._by_rid = by_rid
        guest = SidAccount(GUEST_NAME, GUEST_RID)
        self._by_rid[GUEST_RID] = guest
        self._by_name.setdefault(upper_case(GUEST_NAME), guest)

    @property
    def accounts(self) -> list[SidAccount]:
        """Every account, the guest too, by RID."""
        return [self._by_rid[rid] for rid in sorted(self._by_rid)]

    def find(self, name: str) -> SidAccount | None:
        """The account of that name, case ignored."""
        return self._by_name.get(upper_case(name))

    def sid_of(self, name: str) -> bytes | None:
        """The SID of that name, case ignored."""
        account = self.find(name)
        return None if account is None else with_rid(self.domain, account.rid)

    def find_rid(self, rid: int) -> SidAccount | None:
        """The account with that RID."""
        return self._by_rid.get(rid)

    def name_of(self, who: bytes) -> str | None:
        """The name behind a SID of this domain; None for groups, and for SIDs of anybody else."""
        if len(who) != len(self.domain) + 4:
            return None
        domain, rid = split_rid(who)
        account = self._by_rid.get(rid) if domain == self.domain else None
        return None if account is None else account.name

    def of_identity(self, identity: Identity) -> bytes:
        """Who a session acts as. A name without an account cannot log in; should it ever, it is nobody."""
        if identity.is_anonymous:
            return ANONYMOUS_SID
        if identity.is_guest:
            return self.guest
        return self.sid_of(identity.user) or ANONYMOUS_SID
