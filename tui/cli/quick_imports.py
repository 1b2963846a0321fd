"""What a short command leaves out of the libraries that it loads; other programs that use the engine load all."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

_MOCK = "unittest.mock"
_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def quick_imports() -> Iterator[None]:
    """Within it, two things are not loaded.

    unittest.mock      20 ms with asyncio behind it: invoke names it for `MockContext`, a class for other people's tests
    pydantic plugins   10 ms to look for those of whatever else is installed, which have no say here

    Afterwards all is as before: a later import of `unittest.mock` gets the real one, and a child process sees the
    variables that the person has set.
    """
    stand_in = types.ModuleType(_MOCK)
    stand_in.__dict__["Mock"] = object
    mock = sys.modules.setdefault(_MOCK, stand_in)
    plugins = os.environ.get(_PLUGINS)
    os.environ[_PLUGINS] = "__all__"
    try:
        yield
    finally:
        if mock is stand_in:
            del sys.modules[_MOCK]
        if plugins is None:
            del os.environ[_PLUGINS]
        else:
            os.environ[_PLUGINS] = plugins
