"""The SIDs that mean the same on every machine, with the names that Windows gives them. [MS-DTYP] 2.4.2.4

The table is a table, and nothing of it is a right: who is an administrator here is not told by a SID in a list.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from smbserver.nt.sid import sid

USE_USER: Final = 1
USE_GROUP: Final = 2
USE_DOMAIN: Final = 3
USE_ALIAS: Final = 4
USE_WELL_KNOWN_GROUP: Final = 5
USE_UNKNOWN: Final = 8
USE_LABEL: Final = 10
"""SID_NAME_USE ([MS-SAMR] 2.2.2.3)."""


class Principal(NamedTuple):
    """Somebody with a SID: what kind, in which domain, of which name. A domain's own name is empty."""

    use: int
    domain: str
    domain_sid: bytes
    name: str
    sid: bytes


BUILTIN: Final = "BUILTIN"
BUILTIN_SID: Final = sid(5, 32)
NT_AUTHORITY: Final = "NT AUTHORITY"
NT_AUTHORITY_SID: Final = sid(5)
UNIX_USER: Final = "Unix User"
UNIX_USER_SID: Final = sid(22, 1)
UNIX_GROUP: Final = "Unix Group"
UNIX_GROUP_SID: Final = sid(22, 2)

ALIAS_ADMINISTRATORS: Final = 544
ALIAS_USERS: Final = 545
ALIAS_GUESTS: Final = 546

BUILTIN_ALIASES: Final = {
    ALIAS_ADMINISTRATORS: "Administrators",
    ALIAS_USERS: "Users",
    ALIAS_GUESTS: "Guests",
    547: "Power Users",
    548: "Account Operators",
    549: "Server Operators",
    550: "Print Operators",
    551: "Backup Operators",
    552: "Replicator",
    553: "RAS Servers",
    554: "Pre-Windows 2000 Compatible Access",
    555: "Remote Desktop Users",
    556: "Network Configuration Operators",
    557: "Incoming Forest Trust Builders",
    558: "Performance Monitor Users",
    559: "Performance Log Users",
    560: "Windows Authorization Access Group",
    561: "Terminal Server License Servers",
    562: "Distributed COM Users",
    568: "IIS_IUSRS",
    569: "Cryptographic Operators",
    573: "Event Log Readers",
    574: "Certificate Service DCOM Access",
    575: "RDS Remote Access Servers",
    576: "RDS Endpoint Servers",
    577: "RDS Management Servers",
    578: "Hyper-V Administrators",
    579: "Access Control Assistance Operators",
    580: "Remote Management Users",
}

_NT_AUTHORITY_NAMES: Final = {
    1: "DIALUP",
    2: "NETWORK",
    3: "BATCH",
    4: "INTERACTIVE",
    6: "SERVICE",
    7: "ANONYMOUS LOGON",
    8: "PROXY",
    9: "ENTERPRISE DOMAIN CONTROLLERS",
    10: "SELF",
    11: "Authenticated Users",
    12: "RESTRICTED",
    13: "TERMINAL SERVER USER",
    14: "REMOTE INTERACTIVE LOGON",
    15: "This Organization",
    17: "IUSR",
    18: "SYSTEM",
    19: "LOCAL SERVICE",
    20: "NETWORK SERVICE",
    33: "WRITE RESTRICTED",
    113: "Local account",
    114: "Local account and member of Administrators group",
}
_CREATORS: Final = {
    0: "CREATOR OWNER",
    1: "CREATOR GROUP",
    2: "CREATOR OWNER SERVER",
    3: "CREATOR GROUP SERVER",
    4: "OWNER RIGHTS",
}
_LABELS: Final = {
    0: "Untrusted Mandatory Level",
    4096: "Low Mandatory Level",
    8192: "Medium Mandatory Level",
    8448: "Medium Plus Mandatory Level",
    12288: "High Mandatory Level",
    16384: "System Mandatory Level",
}


def _group(authority: int, value: int, name: str, domain: str = "") -> Principal:
    return Principal(USE_WELL_KNOWN_GROUP, domain, sid(authority), name, sid(authority, value))


WELL_KNOWN: Final = (
    _group(0, 0, "NULL SID"),
    _group(1, 0, "Everyone"),
    _group(2, 0, "LOCAL"),
    *(_group(3, value, name) for value, name in _CREATORS.items()),
    *(_group(5, value, name, NT_AUTHORITY) for value, name in _NT_AUTHORITY_NAMES.items()),
    *(Principal(USE_LABEL, "Mandatory Label", sid(16), name, sid(16, value)) for value, name in _LABELS.items()),
    Principal(USE_DOMAIN, BUILTIN, BUILTIN_SID, "", BUILTIN_SID),
    *(Principal(USE_ALIAS, BUILTIN, BUILTIN_SID, name, sid(5, 32, rid)) for rid, name in BUILTIN_ALIASES.items()),
)
"""In the order in which a bare name is looked for."""

ANONYMOUS_LOGON: Final = next(each for each in WELL_KNOWN if each.sid == sid(5, 7))
