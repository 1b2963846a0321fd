"""What to say where no release has the name that a person typed (pure)."""

from __future__ import annotations

from collections.abc import Iterable


def no_release(word: str, tags: Iterable[str]) -> str:
    """That none is called so, and which was probably meant: the one whose revision begins so."""
    alike = sorted({tag for tag in tags if word and f"-{word}" in tag})
    meant = f"; did you mean {' or '.join(alike)}?" if 0 < len(alike) <= 2 else ""
    return f"no release is called {word}{meant}"
