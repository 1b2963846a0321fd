"""What the deploy dialog offers: branches, tags and commits, narrowed while typing, and what was typed itself."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tui.view.formats import age
from tui.view.lines import Line, Span, fit, line, one_line, right, short, width


class Choice(Struct, frozen=True):
    """One thing that can be deployed. `ref` is what the engine is asked for; `kind` is branch, tag, commit or text."""

    kind: str
    ref: str
    revision: str = ""
    subject: str = ""
    author: str = ""
    committed: float = 0.0
    live: bool = False


def narrowed(choices: Sequence[Choice], text: str) -> list[Choice]:
    """The choices that hold every word typed; what was typed itself comes first where no ref is called so."""
    typed = text.strip()
    words = typed.casefold().split()
    matching = [choice for choice in choices if all(word in _haystack(choice) for word in words)]
    if not typed or any(choice.ref == typed for choice in choices):
        return sorted(matching, key=lambda choice: choice.ref != typed) if typed else matching
    free = Choice("text", typed, subject="a branch, tag or commit by this name")
    return [*matching, free] if matching else [free]


def _haystack(choice: Choice) -> str:
    return f"{choice.ref} {choice.revision} {choice.subject} {choice.author} {choice.kind}".casefold()


def name_width(choices: Sequence[Choice], cells: int) -> int:
    """How wide the column of names is: as wide as the names, but no more than a third."""
    longest = max((len(_name(choice)) for choice in choices), default=7)
    return min(max(longest, 7), max(cells // 3, 7))


def _name(choice: Choice) -> str:
    return choice.ref[:7] if choice.kind == "commit" else one_line(choice.ref)


def choice_line(choice: Choice, cells: int, names: int, now: float, more: str, live: str) -> Line:
    """`branch  main     Fix cart totals     ana   2 h`; `names` is the width of the names."""
    since = age(max(now - choice.committed, 0)) if choice.committed else ""
    author = one_line(choice.author) if cells >= 64 else ""
    note = f"  {live} live" if choice.live else ""
    tail = "  " + right(short(author, 10, more), 10, more) + "  " if author else ""
    room = cells - 8 - names - 2 - len(note) - width(line(tail)) - 7
    kind = "" if choice.kind == "text" else choice.kind
    return line(
        (f"{kind:<8}", "dim"),
        (fit(_name(choice), names, more) + "  ", "accent"),
        (fit(one_line(choice.subject), max(room, 0), more), ""),
        Span(note, "ok"),
        Span(tail, "dim"),
        Span(right(since, 7, more), "dim"),
    )
