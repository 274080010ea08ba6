"""Which attributes on disk are the server's own, and those of other servers on the same folder: no client's EAs.

An EA is `user.NAME`; whatever is told here is neither listed nor read nor written as one. Names are compared without
case, because EA names are. A new attribute of ours belongs into this table before it is first written.
"""

from typing import Final

USER: Final = "user."

# Whole names behind `user.`, in capitals.
_NAMES: Final = frozenset(
    {
        "DOSATTRIB",  # dos_attributes.py; Samba's
        "NTACL",  # a security descriptor, where there is no right to write `security.NTACL`
        "SMBREPARSE",  # Samba's reparse points
        "SAMBA_PAI",  # Samba's inheritance of POSIX ACLs
        "SAMBA_STREAMS",  # Samba's mark of a file with streams in a depot
        "ORG.NETATALK.METADATA",  # the Finder's information, for netatalk and Samba's fruit
        "ORG.NETATALK.RESOURCEFORK",
    }
)
# The beginnings of names behind `user.`, in capitals.
_PREFIXES: Final = (
    "DOSSTREAM.",  # named streams, as Samba keeps them
    "SMBSERVER",  # everything else of ours
)


def is_own(attribute: str) -> bool:
    """Whether an attribute, named with its namespace as by os.listxattr, is not for clients.

    Everything outside `user.` is not: the kernel's, the file system's, the administrator's.
    """
    if not attribute.startswith(USER):
        return True
    name = attribute[len(USER) :].upper()
    return name in _NAMES or name.startswith(_PREFIXES)
