"""FSCTL_SRV_ENUMERATE_SNAPSHOTS ([MS-SMB2] 3.3.5.15.1): the previous versions of the share, the newest first.

All of them, whether or not they contain this file: to know that, each would have to be opened, and ZFS mounts a
snapshot for that. Clients ask each version themselves.
"""

from smbserver.commands.ioctl_reply import ioctl_reply, need_file
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.snapshot_names import format_token
from smbserver.wire import ioctl as wire
from smbserver.wire import snapshots


def enumerate_snapshots(request: wire.IoctlRequest, work: Work) -> Reply:
    """Read from the disk each time; a share without versions has an empty list."""
    opened = need_file(work)
    if request.max_output_response < snapshots.MINIMUM:
        raise StatusError(status.INVALID_PARAMETER)
    source = opened.tree.share.snapshots
    names = [] if source is None else [format_token(time) for time in source.times()]
    return ioctl_reply(request, work, snapshots.encode(names, request.max_output_response))
