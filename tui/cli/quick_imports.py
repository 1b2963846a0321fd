"""What a short command leaves out of the libraries that it loads; other programs that use the engine load all."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

_MOCK = "unittest.mock"


@contextmanager
def quick_imports() -> Iterator[None]:
    """Within it, unittest.mock is not loaded: 20 ms with asyncio behind it, and invoke names it for `MockContext`, a
    class for other people's tests.

    Afterwards all is as before: a later import of `unittest.mock` gets the real one.
    """
    stand_in = types.ModuleType(_MOCK)
    stand_in.__dict__["Mock"] = object
    mock = sys.modules.setdefault(_MOCK, stand_in)
    try:
        yield
    finally:
        if mock is stand_in:
            del sys.modules[_MOCK]
