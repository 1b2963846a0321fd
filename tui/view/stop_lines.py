"""What is said before a running operation is given up, to cancel it or to quit (pure): true at each moment."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from core.text import count
from tui.view.lines import Line, line

NOT_RUN, PUT_BACK = "No server has switched yet, so nothing changes.", "Servers that have switched are switched back."


class Stopping(Struct, frozen=True):
    """One operation now: how it ended, "" while it runs, and how many servers have switched."""

    title: str
    outcome: str = ""
    summary: str = ""
    switched: int = 0
    cancelling: bool = False


def stop_lines(operations: Sequence[Stopping], *, quits: bool) -> list[Line]:
    """What runs, what has ended meanwhile and how, and what a yes does to it."""
    out = []
    for each in operations:
        said = f": {each.summary.removesuffix('.')}." if each.summary else "."
        if not each.outcome:
            switched = f" {count(each.switched, 'server')} switched." if each.switched else ""
            out.append(line((each.title, "strong"), f" is still running.{switched}"))
        elif each.outcome in ("done", "nothing-to-do"):
            out.append(line((each.title, "strong"), " has ended", said))
        else:
            out.append(line((each.title, "strong"), (" has ended ", "warn"), (f"({each.outcome})", "warn"), said))
    running = [each for each in operations if not each.outcome]
    if not running:
        end = "Quitting cancels nothing." if quits else "There is nothing to cancel any more."
        return [*out, line(end)]
    what = PUT_BACK if any(each.switched for each in running) else NOT_RUN
    if all(each.cancelling for each in running):
        return [*out, line(f"{_them(running)} being cancelled already. {what}")]
    return [*out, line(f"Quitting cancels {_it(running)}. {what}" if quits else what)]


def stop_words(operations: Sequence[Stopping], *, quits: bool) -> tuple[str, str, str]:
    """The title, and the words on the buttons of yes ("" where there is nothing to agree to) and no."""
    running = [each for each in operations if not each.outcome]
    if quits:
        return "Quit?", f"Cancel {_it(running)} and quit" if running else "Quit", "Stay"
    if running:
        return "Cancel the operation?", "Cancel it", "Let it run"
    return "The operation has ended", "", "Close"


def _it(running: Sequence[Stopping]) -> str:
    return "it" if len(running) == 1 else "them"


def _them(running: Sequence[Stopping]) -> str:
    return "It is" if len(running) == 1 else "They are"
