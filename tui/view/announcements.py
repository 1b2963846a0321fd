"""What a terminal is told beside the screen: bell, title, progress, desktop notification, as control sequences (pure).

Sources: OSC 2 and the stack of titles (CSI 22, 23) of xterm; OSC 9;4 of ConEmu; OSC 9 of iTerm2; OSC 777 of urxvt.
"""

from __future__ import annotations

from collections.abc import Mapping

from tui.view.lines import one_line

BELL, TITLE, PROGRESS, DESKTOP = "bell", "title", "progress", "desktop"
WAYS = (BELL, TITLE, PROGRESS, DESKTOP)

NOTIFY = "TURNOUT_NOTIFY"
"""The variable that chooses: 0 for nothing, 1 for all, or some of WAYS with commas between them."""

KEEP_TITLE, OLD_TITLE = "\x1b[22;2t", "\x1b[23;2t"
"""Put the title on the terminal's stack, and take it back from there."""

LONGEST = 120
"""Characters of a title or a notification."""

NO_PROGRESS, RUNNING, FAILED, UNMEASURED = 0, 1, 2, 3
"""States of the progress that OSC 9;4 shows."""


def ways(environ: Mapping[str, str]) -> frozenset[str]:
    """Which of WAYS this terminal gets: what TURNOUT_NOTIFY says, else what it is known to take.

    An unknown terminal may print what it does not know or, of OSC 9;4, show a notification: it gets none of that.
    """
    term = environ.get("TERM", "dumb")
    chosen = environ.get(NOTIFY, "").strip().lower()
    if term in ("", "dumb") or chosen in ("0", "no", "off", "false"):
        return frozenset()
    if chosen in ("1", "yes", "on", "true"):
        return frozenset(WAYS)
    named = frozenset(part.strip() for part in chosen.split(",")) & frozenset(WAYS)
    if named:
        return named
    if term in ("linux", "vt100", "vt220"):
        return frozenset({BELL})
    known = {BELL, TITLE}
    if _urxvt(environ) or environ.get("TERM_PROGRAM", "") in ("iTerm.app", "WezTerm", "ghostty"):
        known.add(DESKTOP)
    if environ.get("WT_SESSION") or environ.get("ConEmuANSI") == "ON" or environ.get("TERM_PROGRAM") == "ghostty":
        known.add(PROGRESS)
    return frozenset(known)


def _urxvt(environ: Mapping[str, str]) -> bool:
    """Whether a terminal takes notifications as urxvt does."""
    return environ.get("TERM", "").startswith(("rxvt", "foot"))


def title(text: str) -> str:
    """Another title of the window."""
    return _osc(f"2;{_safe(text)}")


def progress(state: int, percent: int = 0) -> str:
    """How far it is, in the terminal's tab or on its icon."""
    return _osc(f"9;4;{state};{min(max(percent, 0), 100)}")


def desktop(heading: str, text: str, environ: Mapping[str, str]) -> str:
    """A notification on the desktop."""
    if _urxvt(environ):
        return _osc(f"777;notify;{_safe(heading).replace(';', ',')};{_safe(text)}")
    return _osc(f"9;{_safe(f'{heading}: {text}')}")


def _osc(text: str) -> str:
    return f"\x1b]{text}\x1b\\"


def _safe(text: str) -> str:
    """Text of a server or a repository without anything that would end the sequence or begin another one."""
    return "".join(sign for sign in one_line(text) if sign.isprintable())[:LONGEST]
