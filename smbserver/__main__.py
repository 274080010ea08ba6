"""`python -m smbserver` and the command `smbserver`: set up what is missing, then serve, from a build if there is one.

Nothing but `bootstrap` is imported above `main`: an old Python gets its sentence first.
"""

import sys

from smbserver.bootstrap import ensure


def main() -> int:
    """Returns the exit status. Ends the process, or becomes another, when something is missing."""
    ensure(sys.argv[1:])
    from smbserver.compile.current import prefer

    prefer()
    from smbserver.cli import serve  # from the build, and it needs what `ensure` has made sure of

    return serve.main()


if __name__ == "__main__":
    sys.exit(main())
