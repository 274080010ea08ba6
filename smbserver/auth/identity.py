"""Who a session acts as."""

from typing import NamedTuple


class Identity(NamedTuple):
    """A logged-on user, a guest, or nobody."""

    user: str
    domain: str
    is_guest: bool = False
    is_anonymous: bool = False


ANONYMOUS = Identity("", "", is_anonymous=True)
