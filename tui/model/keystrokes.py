"""Whether a key was pressed on purpose, decided from the times at which keys came. Knows no terminal and no clock.

A terminal sends a held key as presses: the first, after 0.25 to 1 s the second, then 10 to 40 a second. Pasted text
looks like very fast typing where the terminal does not bracket it. A slow connection delivers several keys at once.
"""

from __future__ import annotations

from collections.abc import Sequence

READ = 0.5
"""Seconds that a plan must have been on the screen before it can be confirmed."""

UP = 1.1
"""Seconds without a key after which it counts as released: longer than the usual delay before a key repeats."""

ALONE = 0.05
"""Seconds in which no key may follow a yes: faster than any finger, slower than a paste or a key that repeats."""

TOGETHER = 0.012
"""Seconds from one key to the next: with fewer, no finger pressed them one after the other."""

MANY = 3
"""So many keys together are pasted text, not commands. Two together are not: fingers overlap."""

TEXT = 6
"""So many together are pasted text also for keys that only look."""

PASTED = "many keys came at once, like pasted text: nothing was done"


class Keystrokes:
    """The presses so far. All times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self.presses = 0
        """How many there were, of keys and of the mouse."""
        self._last = float("-inf")
        self._run = 0
        self._run_keys: set[str] = set()
        self._key = ""
        self._before = float("-inf")
        self._by_key: dict[str, float] = {}

    def press(self, key: str, at: float) -> None:
        """A key came."""
        self.presses += 1
        together = at - self._last < TOGETHER
        self._run = self._run + 1 if together else 1
        self._run_keys = {*self._run_keys, key} if together else {key}
        self._last = at
        self._key = key
        self._before = self._by_key.get(key, float("-inf"))
        self._by_key[key] = at

    def point(self, at: float) -> None:
        """A button of the mouse was pressed: it does not repeat, and is never pasted."""
        self.presses += 1
        self._run, self._run_keys, self._last, self._key, self._before = 0, set(), at, "", float("-inf")

    @property
    def pointed(self) -> bool:
        """Whether the newest press is the mouse's."""
        return not self._key

    @property
    def pasted(self) -> bool:
        """Whether the newest key is one of many that came together."""
        return self._run >= MANY

    @property
    def text(self) -> bool:
        """Whether it is one of so many that they are a text, for keys that change nothing: a slow connection delivers
        what a person typed in a second at once, and one key that is held as often as you like."""
        return is_text(self._run, len(self._run_keys))

    @property
    def repeated(self) -> bool:
        """Whether the newest key may have been down since an earlier press of it."""
        return bool(self._key) and self._last - self._before < UP

    @property
    def at(self) -> float:
        """When the newest press came."""
        return self._last


def is_text(keys: int, different: int) -> bool:
    """Whether so many keys that came together, of which so many differ, are a text and not commands."""
    return keys >= TEXT and different >= MANY


def are_text(keys: Sequence[str]) -> bool:
    """Whether keys that were read from the terminal in one piece are a text; then none of them acts, also not the
    first."""
    return is_text(len(keys), len(set(keys)))


def why_no_yes(keystrokes: Keystrokes, shown: float | None) -> str:
    """Why the newest press does not count as a yes to what is on the screen since `shown`; "" where it does.

    shown   None while it is not on the screen yet
    """
    if shown is None or keystrokes.at - shown < READ:
        return "read it first, then press once"
    if keystrokes.pasted:
        return PASTED
    return "let go of the key for a second, then press it once" if keystrokes.repeated else ""
