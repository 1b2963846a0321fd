"""When and with whose word an environment may be changed: what cannot work about `approve` and `freeze` (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.freezes import always, without_end
from core.freezes import parse as parse_window
from core.questions import OTHER

if TYPE_CHECKING:
    from core.config.table import Broken


def changes(table: Mapping[str, Any]) -> Iterator[Broken]:
    """What would let nobody change an environment, of its table."""
    if table.get("approve") == OTHER:
        if not table.get("hold"):
            yield ("approve",), "needs hold: without it nobody is asked", 'add hold = true, or hold = "2h"'
        if table.get("read-only") is True:
            message = "waits for another person's go, and with read-only = true nothing is started that could wait"
            yield ("approve",), message, "leave one of the two out"
    windows = []
    freeze = table.get("freeze")
    for text in freeze if isinstance(freeze, list | tuple) else ():
        try:
            windows.append(parse_window(text))
        except (TypeError, ValueError):  # told of where it is read
            continue
    if always(windows):
        yield ("freeze",), "covers the whole week: nothing could ever be changed", "leave some of the week out"
    if without_end(windows):
        hint = "look at the dates; read-only = true is for an environment that is not changed any more"
        yield ("freeze",), "lasts for more than a year", hint
