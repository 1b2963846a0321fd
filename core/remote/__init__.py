"""One server: the connection, the agent that runs there, uploads."""

from __future__ import annotations

import importlib
import sys
import types


def _load_fabric() -> None:
    """Load Fabric without `unittest.mock`, which takes 20 ms with asyncio behind it.

    invoke names it for `MockContext`, a class for other people's tests; whoever wants it here gets the real one.
    """
    name = "unittest.mock"
    if name in sys.modules or "invoke" in sys.modules:
        return
    stand_in = types.ModuleType(name)
    stand_in.__dict__["Mock"] = object
    sys.modules[name] = stand_in
    try:
        importlib.import_module("fabric")
    finally:
        del sys.modules[name]


_load_fabric()
