"""`minimum-version` of turnout.toml: the oldest Turnout that may read the file (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.config.values import shown
from core.version import VERSION

PATTERN = r"[0-9]{1,6}(\.[0-9]{1,6}){0,2}"
UPGRADE = "upgrade it, for example with `pipx upgrade turnout`; nothing was touched"
_FORM = re.compile(PATTERN)


def minimum_version(value: str) -> str:
    """A version such as "0.2" or "0.2.1". ValueError for what is not one, and where this Turnout is older."""
    if not _FORM.fullmatch(value):
        raise ValueError(f'{shown(value)} is not a version, such as "0.2" or "0.2.1"')
    if why := too_old(value):
        raise ValueError(why)
    return value


def too_old(needed: str, version: str = VERSION) -> str:
    """Why a Turnout of this version may not read the file; "" where it may."""
    if _parts(version) >= _parts(needed):
        return ""
    return f"this project needs Turnout {needed} or newer; this is {version}"


def refused(written: Mapping[str, Any]) -> str:
    """Why this Turnout is too old for a file, which may have keys that only a newer one knows; "" where it is not."""
    needed = written.get("minimum-version")
    return too_old(needed) if isinstance(needed, str) and _FORM.fullmatch(needed) else ""


def _parts(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
    return (*numbers, 0, 0)[:3]
