"""Apprise, the library that brings messages to people: whether it is here, and which addresses it knows."""

from __future__ import annotations

import importlib.util
from typing import Any

INSTALL = "pip install 'turnout[notify]'"
WIKI = "https://github.com/caronc/apprise/wiki"


def is_installed() -> bool:
    """Whether messages can be sent from here; loads nothing."""
    return importlib.util.find_spec("apprise") is not None


def sender(url: str) -> Any | None:
    """What sends to an address; None for one that Apprise does not know."""
    import apprise  # with very many modules

    made: Any = apprise.Apprise()
    return made if made.add(url) else None
