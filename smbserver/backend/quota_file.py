"""The quota index of a volume, `$Extend\\$Quota`, which clients open to ask for quotas. Here nothing is ever in it."""

from smbserver.backend.base import Backend
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.read_only import ReadOnlyBackend
from smbserver.nt import attributes

_ATTRIBUTES = attributes.HIDDEN | attributes.SYSTEM | attributes.ARCHIVE
_MARK = (1 << 63) - 1  # of no snapshot: those are numbered by their times


def quota_store() -> Backend:
    """A store whose root is the index: without times, as Windows shows it, and read-only."""
    store = MemoryBackend(lambda: 0)
    located = store.locate(())
    handle = store.open(located, read=True, write=False)
    handle.set_attributes(_ATTRIBUTES)
    handle.close()
    located.close()
    return ReadOnlyBackend(store, _MARK)
