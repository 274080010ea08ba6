"""Turns the copy of the package in the working directory into extension modules. Run by `build` in its own process."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mypyc.build import mypycify
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

from smbserver.compile.modules import compiled_modules

GROUP: Final = "smbserver"  # the library that holds all the code is called after it
# As fast as -O2 to two parts in a hundred, since two thirds of the time is Python's own; in half of the time.
OPTIMIZATION: Final = "1"
# Warnings about generated code help nobody: no reason to have no build, and looking for them takes twice the time.
QUIET: Final = ("-Wno-all", "-w")
# Nobody outside replaces a function of the library: what it calls within itself and of Python is called directly, and
# not by way of a table. A sixteenth of the CPU of a small request (transcript 0043).
DIRECT: Final = ("-fvisibility=hidden", "-fno-plt")
COMPILERS: Final = 2  # at a time; one of them has the library to do and needs longer than all the rest


def main() -> None:
    """Ends with exit code 1 when mypyc or the C compiler refuse something; what it was stands on stderr."""
    package = Path(GROUP)
    sources = [str(package / name) for name in compiled_modules(package)]
    extensions = mypycify(
        ["--strict", "--ignore-missing-imports", *sources],
        opt_level=OPTIMIZATION,
        debug_level="0",
        group_name=GROUP,
    )
    for extension in extensions:
        given = [each for each in extension.extra_compile_args if each != "-Werror"]
        extension.extra_compile_args = [*given, *QUIET, *DIRECT]
    distribution = Distribution({"name": GROUP, "ext_modules": extensions})
    command = build_ext(distribution)
    command.inplace = True
    command.parallel = COMPILERS
    command.build_extension = counted(command.build_extension, len(extensions))
    command.ensure_finalized()
    command.run()


def counted(build: Callable[[Extension], None], total: int) -> Callable[[Extension], None]:
    """`build`, which says from time to time how far it has come."""
    done = 0

    def build_and_count(extension: Extension) -> None:
        nonlocal done
        build(extension)
        done += 1
        if done % 20 == 0 or total - done < 2:
            print(f"smbserver: {done} of {total} extension modules are compiled", file=sys.stderr, flush=True)

    return build_and_count


if __name__ == "__main__":
    main()
