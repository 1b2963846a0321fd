"""A question of an operation: the banner over the panes, its lines on the Progress tab and in the dialog (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.questions import Question
from core.text import duration
from tui.view.formats import countdown, short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, cell_len, crop, line, one_line, short, width, wrap


def time_left(question: Question, now: float) -> str:
    """`9:41 left, then abort`; "" where it waits without an end. A second that has begun counts as gone."""
    if not question.deadline:
        return ""
    return f"{countdown(max(int(question.deadline - now), 0))} left, then {question.default}"


def banner_line(question: Question, cells: int, now: float, glyphs: Glyphs, key: str) -> Line:
    """`? 3f2c1ab is ready on 3 servers … Switch now?  go, abort or hold  9:41 left, then abort   Y Answer`; in little
    room what is asked alone, and then without the choices.
    """
    end = line((f"  {key}", "key"), " Answer ")
    limit = time_left(question, now)
    time = f"  {limit}" if limit else ""
    room = max(cells - width(end) - 3, 8)
    said, choices = short_tags(one_line(question.text)), _either(question.names)
    asked = _asked(said)
    texts = (f"{said}  {choices}{time}", f"{said}{time}", f"{asked}  {choices}{time}", f"{asked}{time}")
    cut = short(asked, max(room - cell_len(time), 12), glyphs.more) + time
    fitting = next((text for text in texts if cell_len(text) <= room), cut)
    start = line((" ? ", "busy"), (short(fitting, room, glyphs.more), "strong"))
    gap = max(cells - width(start) - width(end), 0)
    return crop((*start, Span(" " * gap), *end), cells, glyphs.more)


def _asked(text: str) -> str:
    """The last sentence of a text, where it is a question; else all of it."""
    return text.rpartition(". ")[2] if text.endswith("?") else text


def _either(names: Sequence[str]) -> str:
    """`go, abort or hold`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def question_lines(question: Question, cells: int, now: float, glyphs: Glyphs) -> list[Line]:
    """The question, what each choice does, and how long it waits: for the Progress tab."""
    out = [line(("? ", "busy"), (part, "strong")) if not index else line(f"  {part}")
           for index, part in enumerate(wrap(short_tags(one_line(question.text)), max(cells - 2, 8)))]  # fmt: skip
    for choice in question.choices:
        out.append(
            crop(line(("  " + f"{choice.name:<10}", "accent"), short_tags(one_line(choice.text))), cells, glyphs.more)
        )
    limit = time_left(question, now)
    return [*out, crop(line(("  " + limit, "warn")), cells, glyphs.more)] if limit else out


def answer_lines(question: Question, chosen: str, refusal: str, cells: int, now: float, glyphs: Glyphs) -> list[Line]:
    """The same for the dialog: the choices by number, and the one that is chosen marked.

    refusal   why the chosen one cannot be chosen by this person; "" where it can
    """
    out = [line((part, "strong")) for part in wrap(short_tags(one_line(question.text)), cells)]
    out.append(())
    for number, choice in enumerate(question.choices, start=1):
        here = choice.name == chosen
        mark = f"{glyphs.cursor} " if here else "  "
        head = f"{mark}{number}  {choice.name:<10}"
        parts = wrap(short_tags(one_line(choice.text)), max(cells - len(head), 8))
        role = "accent" if here else ""
        out.append(line((head, role or "strong"), (parts[0] if parts else "", role)))
        out += [line((" " * len(head) + part, role)) for part in parts[1:]]
    out.append(())
    limit = time_left(question, now)
    if limit:
        out.append(line((limit, "warn")))
    asked = f"{one_line(question.asker)} runs it" if question.asker else ""
    if asked:
        out += [line((part, "dim")) for part in wrap(asked, cells)]
    out += [line((part, "bad")) for part in wrap(refusal, cells)] if refusal else []
    return out


def hold_words(seconds: float, approve: str) -> str:
    """What a plan says of its hold."""
    who = "somebody else" if approve else "somebody"
    return f"waits up to {duration(seconds)}, ready on every server, until {who} says go; without a go nothing changes"
