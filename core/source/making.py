"""How a tree is made, beside what it is made of."""

from __future__ import annotations

from msgspec import Struct

from core.events import Emit
from core.jobs import Cancel
from core.source.coming import Coming


class Making(Struct, frozen=True):
    """What the making of a tree says, and what stops it.

    rebuild  a finished build is not used again
    coming   is told what comes while the tree is made, by a source that can tell
    """

    emit: Emit
    cancel: Cancel
    rebuild: bool = False
    coming: Coming | None = None
