"""The operations, a file each: its request, and the class that plans it and carries it out. Requests are listed here.

A request is loaded with its operation when it is used first.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["DeployRequest", "PinRequest", "PruneRequest", "RecoverRequest", "RollbackRequest"]

if TYPE_CHECKING:
    from core.operations.kinds.deploy import DeployRequest
    from core.operations.kinds.pin import PinRequest
    from core.operations.kinds.prune import PruneRequest
    from core.operations.kinds.recover import RecoverRequest
    from core.operations.kinds.rollback import RollbackRequest
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # PinRequest is in pin.py.
        return getattr(import_module(f"{__name__}.{name.removesuffix('Request').lower()}"), name)
