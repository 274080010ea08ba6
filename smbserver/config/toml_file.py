"""The configuration file to a Layer: every key has a type, unknown keys are refused, every error has file and line."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from smbserver.backend.base import Symlinks
from smbserver.config import words
from smbserver.config.options import Layer
from smbserver.config.password_file import check_private, decode, read_file
from smbserver.config.settings import Limits, ShareSettings, check_port, check_server_name
from smbserver.config.share_links import symlinks
from smbserver.config.share_options import octal_mode, patterns, size
from smbserver.config.toml_lines import Path, find_lines
from smbserver.errors import ConfigError

T = TypeVar("T")

_PLACE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_TYPE_NAMES: Final = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def read_config_file(path: str) -> Layer:
    """Raises ConfigError. Relative paths in the file start at its own folder."""
    content, mode = read_file(path, "configuration file")
    text = decode(path, content)
    try:
        values: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_error(path, text, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{path}: brackets are nested too deeply") from None
    table = _Table(_File(path, text), (), values)
    layer = _top(table, os.path.dirname(os.path.abspath(path)))
    if any(user.password is not None for user in layer.users or ()):
        check_private(path, mode)
    return layer


def _syntax_error(path: str, text: str, message: str) -> str:
    place = _PLACE.search(message)
    if place is not None:
        return f"{path}:{place[1]}: {message[: place.start()]}"
    lines = text.count("\n") + (not text.endswith("\n"))
    return f"{path}:{lines}: {message}"  # "(at end of document)"


class _File:
    """A file's name, and the lines of its keys; these are looked for only when there is something to complain about."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def place(self, key: Path) -> str:
        lines = find_lines(self._text)
        while key and key not in lines:
            key = key[:-1]
        return f"{self._path}:{lines.get(key, 1)}"


class _Table:
    """One TOML table being read. What was not asked for when `finish` is called is unknown."""

    def __init__(self, file: _File, path: Path, values: dict[str, object]) -> None:
        self._file = file
        self._path = path
        self._values = values
        self._known: set[str] = set()

    def problem(self, key: str | None, text: str) -> ConfigError:
        return ConfigError(f"{self._file.place(self._path if key is None else (*self._path, key))}: {text}")

    def text(self, key: str) -> str | None:
        return self._get(key, str)

    def flag(self, key: str) -> bool | None:
        return self._get(key, bool)

    def number(self, key: str) -> int | None:
        return self._get(key, int)

    def seconds(self, key: str) -> float | None:
        if type(self._values.get(key)) is int:
            whole = self._get(key, int)
            return None if whole is None else float(whole)
        return self._get(key, float)

    def texts(self, key: str) -> tuple[str, ...] | None:
        found = self._get(key, list)
        if found is None:
            return None
        texts = []
        for index, value in enumerate(found):
            if type(value) is not str:
                place = self._file.place((*self._path, key, index))
                raise ConfigError(f"{place}: {key} is a list of strings, this is {_type_name(value)}")
            texts.append(value)
        if not texts:
            raise self.problem(key, f"{key} is empty")
        return tuple(texts)

    def tables(self, key: str) -> "list[_Table] | None":
        found = self._get(key, list)
        if found is None:
            return None
        tables = []
        for index, value in enumerate(found):
            path = (*self._path, key, index)
            if not isinstance(value, dict):
                raise ConfigError(f"{self._file.place(path)}: write [[{key}]] with its keys below it")
            tables.append(_Table(self._file, path, value))
        return tables

    def table(self, key: str) -> "_Table":
        return _Table(self._file, (*self._path, key), self._get(key, dict) or {})

    def need(self, key: str) -> str:
        found = self.text(key)
        if found is None:
            raise self.problem(None, f"{key} is missing")
        return found

    def convert(self, key: str, convert: Callable[[str], T]) -> T | None:
        """The text of `key` as `convert` understands it."""
        found = self.text(key)
        return None if found is None else self.check(key, lambda: convert(found))

    def check(self, key: str | None, call: Callable[[], T]) -> T:
        """Run `call`; what it refuses is the fault of `key`."""
        try:
            return call()
        except ConfigError as problem:
            raise self.problem(key, str(problem)) from None

    def finish(self) -> None:
        for key in self._values:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self._known))}"
                raise self.problem(key, f"unknown key {key!r}; {hint}")

    def _get(self, key: str, wanted: type[T]) -> T | None:
        self._known.add(key)
        value = self._values.get(key)
        if value is None:
            return None
        if type(value) is not wanted:  # not isinstance: True is an int
            raise self.problem(key, f"{key} must be {_TYPE_NAMES[wanted]}, this is {_type_name(value)}")
        return value


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "a date or time")


def _top(table: _Table, folder: str) -> Layer:
    limits = table.table("limits")
    shares = table.tables("share")
    users = table.tables("user")
    password_file = table.text("password_file")
    port = table.number("port")
    name = table.text("server_name")
    named = None if users is None else tuple(_user(each) for each in users)
    acts_as = tuple((user.name, user.acts_as) for user in named or () if user.acts_as is not None)
    layer = Layer(
        shares=None if shares is None else tuple(_share(each, folder) for each in shares),
        users=named,
        password_file=None if password_file is None else words.share_path(password_file, folder),
        guest=table.flag("guest"),
        bind=table.texts("bind"),
        port=port,
        signing_required=table.convert("signing", words.signing),
        encryption=table.convert("encryption", words.encryption),
        min_dialect=table.convert("min_dialect", words.dialect),
        max_dialect=table.convert("max_dialect", words.dialect),
        server_name=name,
        delay_failed_logins=table.flag("delay_failed_logins"),
        deferred_write_time=table.flag("deferred_write_time"),
        posix_extensions=table.flag("posix_extensions"),
        act_as_users=table.flag("act_as_users"),
        local_users=acts_as or None,
        guest_acts_as=table.text("guest_acts_as"),
        connections=limits.number("connections"),
        connections_per_address=limits.number("connections_per_address"),
        login_seconds=limits.seconds("login_seconds"),
        drain_seconds=limits.seconds("drain_seconds"),
    )
    table.finish()
    limits.finish()
    if port is not None:
        table.check("port", lambda: check_port(port))
    table.check("server_name", lambda: check_server_name(name or ""))
    if layer.connections is not None:
        limits.check("connections", partial(Limits, connections=layer.connections))
    if layer.connections_per_address is not None:
        limits.check("connections_per_address", partial(Limits, connections_per_address=layer.connections_per_address))
    if layer.login_seconds is not None:
        limits.check("login_seconds", partial(Limits, login_seconds=layer.login_seconds))
    if layer.drain_seconds is not None:
        limits.check("drain_seconds", partial(Limits, drain_seconds=layer.drain_seconds))
    return layer


def _share(table: _Table, folder: str) -> ShareSettings:
    name, path = table.need("name"), table.need("path")
    read_only, encrypt = table.flag("read_only") or False, table.flag("encrypt") or False
    comment, streams = table.text("comment") or "", table.flag("streams") is not False
    owner, group = table.text("owner") or "", table.text("group") or ""
    file_mode, directory_mode = table.convert("file_mode", octal_mode), table.convert("directory_mode", octal_mode)
    hidden = table.convert("hide_files", patterns)
    policy = table.convert("symlinks", symlinks) or Symlinks.INSIDE
    snapshots, local = table.text("snapshots") or "", table.flag("snapshots_local") or False
    hide, keep = table.flag("hide_unreadable") or False, table.flag("keep_acl_flags") or False
    made_for = {key: table.flag(key) or False for key in ("plain_streams", "apple_double", "time_machine")}
    limit = table.convert("size_limit", size) or 0
    table.finish()
    if not path:
        raise table.problem("path", "path is empty")
    full = words.share_path(path, folder)
    made = partial(ShareSettings, name, full, read_only, encrypt, comment, streams=streams)
    made = partial(made, hide_unreadable=hide, keep_acl_flags=keep)
    if hidden is not None:
        made = partial(made, hide_files=hidden)
    table.check("name", made)
    for key, flag in made_for.items():
        made = partial(made, **{key: flag})
        table.check(key, made)
    made = partial(made, size_limit=limit)
    table.check("file_mode", partial(made, file_mode=file_mode))
    table.check("directory_mode", partial(made, directory_mode=directory_mode))
    made = partial(made, owner=owner, group=group, file_mode=file_mode, directory_mode=directory_mode)
    table.check("owner" if owner else "group", made)
    made = partial(made, symlinks=policy, snapshots=snapshots, snapshots_local=local)
    return table.check("snapshots_local" if local else "symlinks", made)


def _user(table: _Table) -> words.User:
    name, password, acts_as = table.need("name"), table.text("password"), table.text("acts_as")
    table.finish()
    return table.check("name", lambda: words.User(name, password, acts_as))
