"""That an operation is on some of the servers only, first of all in its plan (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.text import count
from tui.view.lines import Line, line, wrap
from tui.view.names import listed


def part_lines(chosen: Sequence[str], servers: int, cells: int) -> list[Line]:
    """`Only on web1, web3 (marked). The other 98 servers stay as they are.`; nothing where all servers are chosen.

    servers   how many the environment has
    """
    rest = servers - len(chosen)
    if rest <= 0:
        return []
    names = listed(chosen, 2 * cells) or count(len(chosen), "server")
    stay = "The other server stays as it is." if rest == 1 else f"The other {rest} servers stay as they are."
    return [*(line((part, "warn")) for part in wrap(f"Only on {names} (marked). {stay}", cells)), ()]
