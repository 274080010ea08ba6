"""samr's password change, and the rules for passwords. [MS-SAMR] 3.1.5.10.3, 3.1.5.13.6, 3.1.5.13.7

What is changed, and where it is kept, is the server's business (`ServerView.change_password`): here bytes become
fields. The older forms of the change are not offered: they work on LM hashes, or without the new password in clear.
"""

from __future__ import annotations

from typing import Final

from smbserver.nt import status
from smbserver.rpc.interface import Call, afterwards
from smbserver.rpc.ndr import DWORD, WORD, NdrReader, NdrWriter
from smbserver.rpc.sam import MIN_PASSWORD_LENGTH, SamUser
from smbserver.rpc.server_view import PasswordChange
from smbserver.waiter import Waiter

ENCRYPTED_PASSWORD_SIZE: Final = 516
"""SAMPR_ENCRYPTED_USER_PASSWORD ([MS-SAMR] 2.2.6.21)."""
ENCRYPTED_HASH_SIZE: Final = 16
"""ENCRYPTED_LM_OWF_PASSWORD (2.2.7.3)."""


def samr_unicode_change_password_user_2(call: Call, request: NdrReader, reply: NdrWriter) -> Waiter[None] | None:
    """Opnum 55 (3.1.5.10.3). The part with LM hashes is not looked at: there are none."""
    request.optional_unicode()  # ServerName
    name = request.unicode() or ""
    password = request.raw(ENCRYPTED_PASSWORD_SIZE) if request.pointer() else None
    old_hash = request.raw(ENCRYPTED_HASH_SIZE) if request.pointer() else None
    if not call.caller.is_known:
        reply.u32(status.ACCESS_DENIED)
        return None
    if password is None or old_hash is None:
        reply.u32(status.INVALID_PARAMETER)
        return None

    def answer(done: Waiter[int]) -> None:
        reply.u32(done.result())

    return afterwards(call.view.change_password(call.caller, PasswordChange(name, password, old_hash)), answer)


def _write_rules(reply: NdrWriter) -> None:
    """USER_DOMAIN_PASSWORD_INFORMATION (2.2.3.1): length and properties."""
    reply.structure((WORD, DWORD), (MIN_PASSWORD_LENGTH, 0))
    reply.u32(status.SUCCESS)


def samr_get_user_domain_password_information(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 44 (3.1.5.13.7)."""
    call.handles.find(request.handle(), SamUser)
    _write_rules(reply)


def samr_get_domain_password_information(_call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 56 (3.1.5.13.6): for everybody, before they know who they are."""
    request.optional_unicode()  # Unused
    _write_rules(reply)
