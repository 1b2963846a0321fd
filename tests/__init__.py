"""The tests: named after what Turnout promises, run against real servers."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
"""The folder with `core`, `tui`, `tests` and `docs`."""
