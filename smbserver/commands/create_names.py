"""What the name in a CREATE means: a path below the share's root."""

from smbserver.nt import names


def wanted_path(name: str) -> names.Path:
    """The path. Raises StatusError as `names.split`."""
    return names.split(names.resolve_parents(_without_default_stream(name)))


def _without_default_stream(name: str) -> str:
    """`file::$DATA` is the file itself. Other stream names are refused with the colon."""
    if name[-7:].upper() == "::$DATA":
        return name[:-7]
    return name
