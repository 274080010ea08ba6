"""The part of CREATE that is about Apple's extensions: the context AAPL, which turns them on for a session.

What it turns on changes how answers look and never who may do what (transcript 0023, D1).
"""

from typing import Final

from smbserver.errors import WireError
from smbserver.objects.session import Session
from smbserver.objects.share import Share
from smbserver.wire import apple
from smbserver.wire import create as wire

# What works here. The client believes it for the whole session, whichever tree it has asked on.
CAPABILITIES: Final = (
    apple.SUPPORTS_READ_DIR_ATTR | apple.SUPPORTS_OSX_COPYFILE | apple.UNIX_BASED | apple.SUPPORTS_NFS_ACE
)
# Finder draws a machine it does not know as a Windows PC; of those that it knows this is the one of no maker.
MODEL: Final = "MacSamba"


def apple_context(request: wire.CreateRequest, session: Session, share: Share) -> list[tuple[bytes, bytes]]:
    """The context of the reply. What is no query is passed over: an error would end the extensions for good."""
    data = request.contexts.get(apple.CONTEXT)
    if data is None:
        return []
    try:
        query = apple.decode_query(data)
    except WireError:
        return []
    session.is_apple = True
    # Names differ by more than case here, so not CASE_SENSITIVE. FLUSH is an fsync on every share on a disk; a share
    # that says so is taken by macOS for a place for backups.
    volume = apple.SUPPORTS_FULL_SYNC if share.time_machine else 0
    answer = apple.Answer(CAPABILITIES, volume, MODEL)
    return [(apple.CONTEXT, apple.encode_answer(query.asked, answer))]
