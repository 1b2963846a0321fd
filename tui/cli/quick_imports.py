"""What a short command leaves out of the libraries that it loads; other programs that use the engine load all."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_STAND_INS: Mapping[str, Mapping[str, Any] | None] = {
    "unittest.mock": {"Mock": object},
    "importlib.metadata": {"version": lambda name: ""},
    "invoke.vendor.yaml": {},
    "typing_extensions": None,
}
"""Modules that are not loaded, and what their place has instead (None: it looks as if it were not installed):

unittest.mock       20 ms, with asyncio behind it: invoke names it for `MockContext`, a class for other people's tests
importlib.metadata  10 ms, with zipfile and email behind it: paramiko asks it for its own version, which nobody sees
invoke.vendor.yaml  4 ms, and PyYAML where that is installed: for Fabric's configuration files, which are not read
typing_extensions   2 ms: msgspec takes the same from `typing`
"""


@contextmanager
def quick_imports() -> Iterator[None]:
    """Within it, these modules are not loaded. Afterwards all is as before: a later import gets the real ones."""
    modules: dict[str, Any] = sys.modules
    added: dict[str, types.ModuleType | None] = {}
    for name, content in _STAND_INS.items():
        if name not in modules:
            added[name] = modules[name] = _stand_in(name, content)
    try:
        yield
    finally:
        for name, stand_in in added.items():
            if name in modules and modules[name] is stand_in:
                del modules[name]


def _stand_in(name: str, content: Mapping[str, Any] | None) -> types.ModuleType | None:
    if content is None:
        return None
    module = types.ModuleType(name)
    vars(module).update(content)
    return module
