"""`python -m tui.cli`: the `turnout` command where it is not installed as a script."""

from tui.cli import script

script()
