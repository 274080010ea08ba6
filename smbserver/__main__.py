"""`python -m smbserver`: set up what is missing, then serve."""

import sys

from smbserver.bootstrap import ensure

ensure(sys.argv[1:])

from smbserver.cli.serve import main  # noqa: E402 - needs what `ensure` has just made sure of

sys.exit(main())
