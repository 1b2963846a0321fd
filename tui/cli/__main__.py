"""`python -m tui.cli`: the `turnout` command where it is not installed as a script."""

import sys

from tui.cli import main

sys.exit(main())
