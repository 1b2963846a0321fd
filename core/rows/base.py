"""The base of the JSON objects that `--json` writes (pure)."""

from __future__ import annotations

from typing import TypedDict


class Row(TypedDict):
    """What every object has: the name of its shape, and FORMAT."""

    event: str
    format: int
