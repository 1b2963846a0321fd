"""Where Turnout keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Turnout's folder below the user's cache directory; TURNOUT_CACHE_DIR names another."""
    named = os.environ.get("TURNOUT_CACHE_DIR")
    if named:
        return Path(named).absolute()
    from platformdirs import user_cache_dir  # costs milliseconds at the start

    return Path(user_cache_dir("turnout"))
