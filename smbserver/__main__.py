"""`python -m smbserver`."""

import sys

from smbserver.cli.serve import main

sys.exit(main())
