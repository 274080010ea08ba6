"""Environment variables to a Layer. Names that are not ours are left alone, values of ours are checked."""

from collections.abc import Mapping

from smbserver.config import words
from smbserver.config.options import Layer
from smbserver.config.settings import check_server_name
from smbserver.errors import ConfigError

CONFIG_VARIABLE = "SMBSERVER_CONFIG"

# Name and meaning; also what --help and the tests list. An orchestrator may set other SMBSERVER_ names (Kubernetes
# does, for a service of that name), so an unknown one is no error.
VARIABLES = {
    CONFIG_VARIABLE: "--config",
    "SMBSERVER_SHARE": "--share; several are separated by ;",
    "SMBSERVER_USER": "--user, one",
    "SMBSERVER_PASSWORD": "the password of users named without one",
    "SMBSERVER_PASSWORD_FILE": "--password-file",
    "SMBSERVER_GUEST": "--guest; yes or no",
    "SMBSERVER_BIND": "--bind; several are separated by ,",
    "SMBSERVER_PORT": "--port",
    "SMBSERVER_NAME": "--name",
    "SMBSERVER_SIGNING": "--signing",
    "SMBSERVER_ENCRYPTION": "--encryption",
    "SMBSERVER_MIN_DIALECT": "--min-dialect",
    "SMBSERVER_MAX_DIALECT": "--max-dialect",
}


def from_environment(environment: Mapping[str, str]) -> Layer:
    """What the variables say; an empty one says nothing. Raises ConfigError that names the variable."""

    def value(name: str) -> str | None:
        assert name in VARIABLES
        return environment.get(name) or None

    shares = bind = users = guest = port = signing = encryption = low = high = None
    if (text := value("SMBSERVER_SHARE")) is not None:
        with words.said_in("SMBSERVER_SHARE"):
            shares = tuple(words.share(each) for each in _split(text, ";"))
    if (text := value("SMBSERVER_USER")) is not None:
        with words.said_in("SMBSERVER_USER"):
            users = (words.user(text),)
    if (text := value("SMBSERVER_GUEST")) is not None:
        with words.said_in("SMBSERVER_GUEST"):
            guest = words.switch(text)
    if (text := value("SMBSERVER_BIND")) is not None:
        with words.said_in("SMBSERVER_BIND"):
            bind = _split(text, ",")
    if (text := value("SMBSERVER_PORT")) is not None:
        with words.said_in("SMBSERVER_PORT"):
            port = words.port(text)
    if (text := value("SMBSERVER_SIGNING")) is not None:
        with words.said_in("SMBSERVER_SIGNING"):
            signing = words.signing(text)
    if (text := value("SMBSERVER_ENCRYPTION")) is not None:
        with words.said_in("SMBSERVER_ENCRYPTION"):
            encryption = words.encryption(text)
    if (text := value("SMBSERVER_MIN_DIALECT")) is not None:
        with words.said_in("SMBSERVER_MIN_DIALECT"):
            low = words.dialect(text)
    if (text := value("SMBSERVER_MAX_DIALECT")) is not None:
        with words.said_in("SMBSERVER_MAX_DIALECT"):
            high = words.dialect(text)
    with words.said_in("SMBSERVER_NAME"):
        check_server_name(value("SMBSERVER_NAME") or "")
    return Layer(
        shares=shares,
        users=users,
        password_file=value("SMBSERVER_PASSWORD_FILE"),
        default_password=value("SMBSERVER_PASSWORD"),
        guest=guest,
        bind=bind,
        port=port,
        signing_required=signing,
        encryption=encryption,
        min_dialect=low,
        max_dialect=high,
        server_name=value("SMBSERVER_NAME"),
    )


def _split(text: str, separator: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(separator) if part.strip())
    if not parts:
        raise ConfigError("nothing but separators")
    return parts
