"""Operations: a request becomes a plan, a plan is executed under the locks of all its servers.

What is asked for is loaded when it is used first: who only follows an operation needs nothing of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.operations.executing import Result, execute, make_plan
    from core.operations.requests import (
        DeployRequest,
        PinRequest,
        PruneRequest,
        RecoverRequest,
        Request,
        RollbackRequest,
    )

__all__ = [
    "DeployRequest",
    "PinRequest",
    "PruneRequest",
    "RecoverRequest",
    "Request",
    "Result",
    "RollbackRequest",
    "execute",
    "make_plan",
]

_EXECUTING = ("Result", "execute", "make_plan")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'executing' if name in _EXECUTING else 'requests'}"), name)
