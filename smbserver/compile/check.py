"""Whether a finished build is one: every module compiled, and no object in it that a weak reference would outlive."""

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Protocol

from smbserver.compile.current import PACKAGE
from smbserver.compile.modules import compiled_modules


def main() -> None:
    """Ends with exit code 1 when something is wrong, which is said on stderr."""
    problems: list[str] = []
    for name in compiled_modules(PACKAGE):
        module = import_module(f"{PACKAGE.name}.{name.removesuffix('.py').replace('/', '.')}")
        if (module.__file__ or "").endswith(".py"):
            problems.append(f"{module.__name__} is not compiled")
        problems += [f"{module.__name__}.{each} has dangling weak references" for each in dangling(module)]
    for problem in problems:
        print(f"smbserver: {problem}", file=sys.stderr)
    sys.exit(bool(problems))


def dangling(module: ModuleType) -> Iterator[str]:
    """The compiled classes whose objects take weak references, which mypyc never clears.

    Protocols have no objects; nobody refers weakly to an exception.
    """
    for name, value in vars(module).items():
        if isinstance(value, type) and value.__module__ == module.__name__ and "__mypyc_attrs__" in vars(value):
            is_harmless = issubclass(value, BaseException) or Protocol in value.__mro__
            if value.__weakrefoffset__ and not is_harmless:
                yield name


if __name__ == "__main__":
    main()
