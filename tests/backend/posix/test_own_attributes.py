"""What is ours and what is a client's: the names of known servers, other namespaces, other cases."""

from __future__ import annotations

import pytest

from smbserver.backend.posix.dos_attributes import XATTR
from smbserver.backend.posix.own_attributes import is_own


@pytest.mark.parametrize(
    "attribute",
    [
        XATTR,
        "user.dosattrib",
        "user.DosStream.notes:$DATA",
        "user.dosstream.",
        "user.SmbServer.NeedEa",
        "user.NTACL",
        "user.org.netatalk.Metadata",
        "user.SAMBA_PAI",
        "security.NTACL",
        "security.capability",
        "system.posix_acl_access",
        "trusted.overlay.opaque",
        "USER.comment",
        "",
    ],
)
def test_own(attribute: str) -> None:
    assert is_own(attribute)


@pytest.mark.parametrize(
    "attribute", ["user.comment", "user.xdg.origin.url", "user.DOSATTRIB2", "user.$LXUID", "user."]
)
def test_not_own(attribute: str) -> None:
    assert not is_own(attribute)
