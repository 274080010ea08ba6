"""The accounts that may log in, with secrets that never print."""

from smbserver.crypto.md4 import md4
from smbserver.errors import ConfigError

MAX_NAME = 256  # characters of a user name; longer than any directory allows


class Secret:
    """Bytes that do not appear in a repr, a log or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes, for the one who must have them."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"


def nt_hash(password: str) -> bytes:
    """NTOWFv1 ([MS-NLMP] 3.3.1): MD4 of the UTF-16LE password."""
    return md4(password.encode("utf-16-le", "surrogatepass"))


def upper_case(name: str) -> str:
    """As clients fold a user name before they hash it: unit by unit, never changing the length ("ß" stays)."""
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in name)


class Account:
    """A user with the hash of a password."""

    __slots__ = ("hash", "name")

    def __init__(self, name: str, hash_value: bytes) -> None:
        if not name or len(name) > MAX_NAME or any(char in name for char in '\\/:*?"<>|\0\n\r'):
            raise ConfigError(f"not a user name: {name!r}")
        self.name = name
        self.hash = Secret(hash_value)

    @classmethod
    def from_password(cls, name: str, password: str) -> "Account":
        """An account whose password is known; only its hash is kept."""
        return cls(name, nt_hash(password))

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


class Accounts:
    """Accounts by name, without regard to case, and whether strangers may come in as guests."""

    def __init__(self, accounts: list[Account], guest: bool = False) -> None:
        self._by_name: dict[str, Account] = {}
        for account in accounts:
            if self._by_name.setdefault(upper_case(account.name), account) is not account:
                raise ConfigError(f"user given twice: {account.name}")
        self.guest_allowed = guest

    @property
    def names(self) -> list[str]:
        """As they were configured."""
        return [account.name for account in self._by_name.values()]

    def find(self, name: str) -> Account | None:
        """The account a client means. A domain never changes which account that is."""
        return self._by_name.get(upper_case(name))
