"""CANCEL ([MS-SMB2] 3.3.5.16). It has no reply of its own."""

from smbserver.connection.work import Work


def cancel(request: None, work: Work) -> None:
    """Cancel the waiting request that is meant; one that cannot be cancelled any more just finishes."""
    target = work.connection.find_pending(work)
    if target is not None and target.pending is not None:
        target.pending.cancel()
