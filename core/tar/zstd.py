"""The library for zstd, loaded only where something is compressed or unpacked with it."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def zstd_library() -> Any:
    """The module that Python has from 3.14 on, or the same for earlier ones. ImportError where there is neither."""
    try:
        return import_module("compression.zstd")
    except ImportError:
        return import_module("backports.zstd")
