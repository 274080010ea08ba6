"""`python -m smbserver`: set up what is missing, then serve, from the compiled build where there is one."""

import sys

from smbserver.bootstrap import ensure

ensure(sys.argv[1:])

from smbserver.compile.current import prefer  # noqa: E402 - an old Python gets its sentence first

prefer()

from smbserver.cli.serve import main  # noqa: E402 - needs what `ensure` and `prefer` have just made sure of

sys.exit(main())
