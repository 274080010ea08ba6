"""Which access a client gets to a policy, a SAM object: to read, or nothing. [MS-LSAD] 2.2.1.1, [MS-SAMR] 2.2.1

There is nothing that could be changed through these handles, so a right that would change something is refused when
it is asked for, and what is granted is not looked at again.
"""

from __future__ import annotations

from typing import Final

READ_CONTROL: Final = 0x00020000
MAXIMUM_ALLOWED: Final = 0x02000000
GENERIC_EXECUTE: Final = 0x20000000
GENERIC_READ: Final = 0x80000000
_ALWAYS: Final = READ_CONTROL | MAXIMUM_ALLOWED | GENERIC_EXECUTE | GENERIC_READ

POLICY: Final = 0x00000801
"""POLICY_VIEW_LOCAL_INFORMATION, POLICY_LOOKUP_NAMES."""
SERVER: Final = 0x00000031
"""SAM_SERVER_CONNECT, SAM_SERVER_ENUMERATE_DOMAINS, SAM_SERVER_LOOKUP_DOMAIN."""
DOMAIN: Final = 0x00000385
"""DOMAIN_READ_PASSWORD_PARAMETERS, READ_OTHER_PARAMETERS, GET_ALIAS_MEMBERSHIP, LIST_ACCOUNTS, LOOKUP."""
USER: Final = 0x0000035B
"""USER_READ_GENERAL, PREFERENCES, LOGON, ACCOUNT; CHANGE_PASSWORD; LIST_GROUPS, READ_GROUP_INFORMATION."""
GROUP: Final = 0x00000011
"""GROUP_READ_INFORMATION, GROUP_LIST_MEMBERS."""
ALIAS: Final = 0x0000000C
"""ALIAS_LIST_MEMBERS, ALIAS_READ_INFORMATION."""


def may_have(desired: int, readable: int) -> bool:
    """Whether everything that is asked for can be had."""
    return not desired & ~(readable | _ALWAYS)
