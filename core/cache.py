"""Where Turnout keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import CannotRun


def cache_folder() -> Path:
    """Turnout's folder below the user's cache directory; TURNOUT_CACHE_DIR names another. CannotRun without a home."""
    named = os.environ.get("TURNOUT_CACHE_DIR")
    if named:
        return Path(named).absolute()
    from platformdirs import user_cache_dir  # costs milliseconds at the start

    try:
        return Path(user_cache_dir("turnout"))
    except RuntimeError:  # neither HOME nor an entry in the user database, as in some containers
        raise CannotRun(
            f"no home folder is known for user {os.getuid()}",
            hint="set HOME, or TURNOUT_CACHE_DIR to a folder of your own; nothing was touched",
        ) from None
