"""Operations: a request becomes a plan, a plan is executed under the locks of all its servers.

What is asked for is loaded when it is used first: who only follows an operation needs nothing of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core.operations import kinds

__all__ = ["Request", "Result", "execute", "make_plan"]
__all__ += kinds.__all__

if TYPE_CHECKING:
    from core.operations.executing import Result, execute, make_plan
    from core.operations.kinds import *  # noqa: F403  # each request is listed there alone
    from core.operations.operation import Request
else:
    _MODULES = {"Request": "operation", "Result": "executing", "execute": "executing", "make_plan": "executing"}

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'kinds')}"), name)
