"""Operations: a request becomes a plan, a plan is executed under the locks of all its servers.

What is asked for is loaded when it is used first: who only follows an operation needs nothing of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.operations.executing import Result, execute, make_plan
    from core.operations.kinds.deploy import DeployRequest
    from core.operations.kinds.pin import PinRequest
    from core.operations.kinds.prune import PruneRequest
    from core.operations.kinds.recover import RecoverRequest
    from core.operations.kinds.rollback import RollbackRequest
    from core.operations.operation import Request

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

_MODULES = {"Request": "operation", "Result": "executing", "execute": "executing", "make_plan": "executing"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # A request is in the module of its operation: PinRequest in kinds/pin.py.
    module = _MODULES.get(name) or f"kinds.{name.removesuffix('Request').lower()}"
    return getattr(import_module(f"{__name__}.{module}"), name)
