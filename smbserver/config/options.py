"""What one source said (`Layer`), and how several sources become Settings. The only place that knows precedence."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from smbserver.config.password_file import read_password_file
from smbserver.config.settings import ALL_ADDRESSES, Limits, Settings, ShareSettings
from smbserver.config.words import User
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption

T = TypeVar("T")

_DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class Layer:
    """Every option, None where this source is silent. Times in seconds."""

    shares: tuple[ShareSettings, ...] | None = None
    users: tuple[User, ...] | None = None
    password_file: str | None = None
    default_password: str | None = field(default=None, repr=False)
    guest: bool | None = None
    bind: tuple[str, ...] | None = None
    port: int | None = None
    signing_required: bool | None = None
    encryption: Encryption | None = None
    min_dialect: int | None = None
    max_dialect: int | None = None
    server_name: str | None = None
    delay_failed_logins: bool | None = None
    act_as_users: bool | None = None
    local_users: tuple[tuple[str, str], ...] | None = None
    guest_acts_as: str | None = None
    host_locks: bool | None = None
    deferred_write_time: bool | None = None
    posix_extensions: bool | None = None
    torture: bool | None = None
    connections: int | None = None
    connections_per_address: int | None = None
    login_seconds: float | None = None
    drain_seconds: float | None = None


class Chosen(NamedTuple):
    """The settings, and the names of the users whose password was made for this run and nobody knows yet."""

    settings: Settings
    made_for: tuple[str, ...]


def combine(layers: Sequence[Layer], make_password: Callable[[], str], invoking_user: Callable[[], str]) -> Chosen:
    """Lay sources over each other, the strongest first; option by option, a list as a whole. Raises ConfigError."""
    guest = _first(False, (layer.guest for layer in layers))
    users, made_for = _accounts(layers, guest, make_password, invoking_user)
    limits = Limits(
        _first(_DEFAULT_LIMITS.connections, (layer.connections for layer in layers)),
        _first(_DEFAULT_LIMITS.connections_per_address, (layer.connections_per_address for layer in layers)),
        _first(_DEFAULT_LIMITS.login_seconds, (layer.login_seconds for layer in layers)),
        _first(_DEFAULT_LIMITS.drain_seconds, (layer.drain_seconds for layer in layers)),
    )
    settings = Settings(
        shares=_first((), (layer.shares for layer in layers)),
        users=users,
        guest=guest,
        bind=_first(ALL_ADDRESSES, (layer.bind for layer in layers)),
        port=next((layer.port for layer in layers if layer.port is not None), None),
        signing_required=_first(True, (layer.signing_required for layer in layers)),
        encryption=_first(Encryption.OFFERED, (layer.encryption for layer in layers)),
        min_dialect=_first(Settings.min_dialect, (layer.min_dialect for layer in layers)),
        max_dialect=_first(Settings.max_dialect, (layer.max_dialect for layer in layers)),
        server_name=_first("", (layer.server_name for layer in layers)),
        limits=limits,
        delay_failed_logins=_first(True, (layer.delay_failed_logins for layer in layers)),
        act_as_users=_first(False, (layer.act_as_users for layer in layers)),
        local_users=_first((), (layer.local_users for layer in layers)),
        guest_acts_as=_first("", (layer.guest_acts_as for layer in layers)),
        host_locks=_first(False, (layer.host_locks for layer in layers)),
        deferred_write_time=_first(False, (layer.deferred_write_time for layer in layers)),
        posix_extensions=_first(True, (layer.posix_extensions for layer in layers)),
        torture=_first(False, (layer.torture for layer in layers)),
        password_file=_first("", (layer.password_file for layer in layers)),
    )
    return Chosen(settings, made_for)


def _accounts(
    layers: Sequence[Layer], guest: bool, make_password: Callable[[], str], invoking_user: Callable[[], str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    path = _first("", (layer.password_file for layer in layers))
    # By upper-case name: clients do not distinguish, so neither may two sources.
    known = {name.upper(): (name, password) for name, password in (read_password_file(path) if path else ())}
    named = _first((), (layer.users for layer in layers))
    if not named and not known and not guest:
        named = (User(invoking_user()),)
    default = next((layer.default_password for layer in layers if layer.default_password is not None), None)
    made_for = []
    chosen: set[str] = set()
    for user in named:
        key = user.name.upper()
        if key in chosen:
            raise ConfigError(f"the user {user.name} is given twice")
        chosen.add(key)
        password = user.password
        if key in known:
            if password is not None:
                raise ConfigError(f"the user {user.name} has a password in {path} and another one elsewhere")
            continue
        if password is None:
            password = default
        if password is None:
            password = make_password()
            made_for.append(user.name)
        known[key] = (user.name, password)
    return tuple(known.values()), tuple(made_for)


def _first(default: T, said: Iterable[T | None]) -> T:
    return next((value for value in said if value is not None), default)
