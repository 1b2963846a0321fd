"""What the button of a promotion says (pure)."""

from __future__ import annotations

from tui.view.glyphs import Glyphs
from tui.view.names import direction


def promotion_words(verb: str, source: str, target: str, cells: int, glyphs: Glyphs) -> str:
    """`Promote staging → production`; in less room without the verb, then the target alone, then the verb alone: a name
    of which only letters are left says nothing, and the dialog has both names.
    """
    way = direction(source, target, cells, glyphs)
    start, _, end = way.partition(f" {glyphs.arrow} ")
    whole = _says_it(start, source, glyphs) and _says_it(end, target, glyphs)
    ways = [f"{verb} {way}", way] if whole else []
    return next((text for text in (*ways, f"{glyphs.arrow} {target}") if len(text) <= cells), verb)


def _says_it(text: str, name: str, glyphs: Glyphs) -> bool:
    """Whether a text is the name, or some of its last words: `…staging` of `shop-staging`."""
    rest = text.removeprefix(glyphs.more)
    return text == name or (text != rest and name.endswith(rest) and name[: -len(rest)].endswith(("-", "_", ".")))
