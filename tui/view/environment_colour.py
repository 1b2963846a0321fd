"""Which colour an environment has: by its name, and different from those of the others as far as colours go (pure)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

COLOURS = ("blue", "violet", "teal", "pink", "slate")
"""None of them means that something is wrong or right, as amber, red and green do. The last is only for a fifth one."""


def colour_of(name: str, names: Iterable[str]) -> str:
    """The colour of an environment among those of its project, which are in the order of turnout.toml.

    It follows from the name. Where an earlier environment has it already, the next free one is taken.
    """
    taken: set[str] = set()
    for other in names:
        start = zlib.crc32(other.encode()) % (len(COLOURS) - 1)
        free = [COLOURS[(start + step) % len(COLOURS)] for step in range(len(COLOURS))]
        colour = next((colour for colour in free if colour not in taken), free[0])
        if other == name:
            return colour
        taken.add(colour)
    return COLOURS[zlib.crc32(name.encode()) % (len(COLOURS) - 1)]
