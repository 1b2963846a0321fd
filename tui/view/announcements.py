"""What a terminal is told beside the screen: bell, title, progress, desktop notification, as control sequences (pure).

Sources: OSC 2 and the stack of titles (CSI 22, 23) of xterm; OSC 9;4 of ConEmu; OSC 9 of iTerm2; OSC 777 of urxvt;
the passthrough of tmux (its manual, `allow-passthrough`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from tui.view.lines import one_line

BELL, TITLE, PROGRESS, DESKTOP = "bell", "title", "progress", "desktop"
WAYS = (BELL, TITLE, PROGRESS, DESKTOP)

NOTIFY = "TURNOUT_NOTIFY"
"""The variable that chooses: 0 for nothing, 1 for all, or some of WAYS with commas between them."""

KEEP_TITLE, OLD_TITLE = "\x1b[22;2t", "\x1b]2;\x1b\\\x1b[23;2t"
"""Put the title on the terminal's stack, and take it back from there, emptied before: some have no stack."""

LONGEST = 120
"""Characters of a title or a notification."""

NO_PROGRESS, RUNNING, FAILED, UNMEASURED = 0, 1, 2, 3
"""States of the progress that OSC 9;4 shows."""

WITH_777 = ("rxvt", "foot")
"""Terminals, by the beginning of TERM, that take notifications as urxvt does, and not as iTerm2."""

WITHOUT_TITLE = ("linux", "vt100", "vt220")


class Terminal(Struct, frozen=True):
    """What a terminal takes, and how.

    ways     some of WAYS
    urxvt    notifications are OSC 777, with a heading of their own; else OSC 9
    in_tmux  what tmux does not know is wrapped for the terminal around it
    """

    ways: frozenset[str] = frozenset()
    urxvt: bool = False
    in_tmux: bool = False

    def progress(self, state: int, percent: int = 0) -> str:
        """How far it is, in the terminal's tab or on its icon."""
        return self._through(_osc(f"9;4;{state};{min(max(percent, 0), 100)}"))

    def desktop(self, heading: str, text: str) -> str:
        """A notification on the desktop."""
        if self.urxvt:
            return self._through(_osc(f"777;notify;{_safe(heading).replace(';', ',')};{_safe(text)}"))
        said = _safe(f"{heading}: {text}")
        # A number and a semicolon would be another command of ConEmu's.
        return self._through(_osc(f"9;{'Turnout: ' if said[:1].isdecimal() else ''}{said}"))

    def _through(self, sequence: str) -> str:
        if not self.in_tmux:
            return sequence
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"


def terminal(environ: Mapping[str, str], own: Mapping[str, bool] | None = None) -> Terminal:
    """What TURNOUT_NOTIFY says; else what a person's settings say (`own`), and what the terminal is known to take.

    An unknown terminal may print what it does not know or, of OSC 9;4, show a notification: it gets none of that.
    Inside tmux the variables of the terminal around it may be those of another one, so that they are not believed.
    In CI nobody looks.
    """
    term = environ.get("TERM", "dumb")
    if term in ("", "dumb", "unknown"):
        return Terminal()
    in_tmux = bool(environ.get("TMUX")) or term.startswith("tmux")
    urxvt = term.startswith(WITH_777) or bool(environ.get("VTE_VERSION"))
    chosen = _chosen(environ.get(NOTIFY, "").strip().lower())
    if chosen is None:
        in_ci = environ.get("CI", "").lower() not in ("", "0", "false")
        known = {**dict.fromkeys(_known(environ, term, in_tmux), True), **(own or {})}
        chosen = frozenset() if in_ci else frozenset(way for way, on in known.items() if on)
    return Terminal(chosen, urxvt, in_tmux)


def _chosen(text: str) -> frozenset[str] | None:
    if text in ("0", "no", "off", "false"):
        return frozenset()
    if text in ("1", "yes", "on", "true"):
        return frozenset(WAYS)
    return frozenset(part.strip() for part in text.split(",")) & frozenset(WAYS) or None


def _known(environ: Mapping[str, str], term: str, in_tmux: bool) -> frozenset[str]:
    if term.startswith(WITHOUT_TITLE):
        return frozenset({BELL})
    if in_tmux or term.startswith("screen"):
        return frozenset({BELL, TITLE})
    program, version = environ.get("TERM_PROGRAM", ""), _numbers(environ.get("TERM_PROGRAM_VERSION", ""))
    vte = _numbers(environ.get("VTE_VERSION", ""))
    iterm = program == "iTerm.app" or environ.get("LC_TERMINAL") == "iTerm2"
    desktop = (
        iterm
        or bool(vte)
        or term.startswith((*WITH_777, "xterm-kitty", "xterm-ghostty"))
        or program in ("WezTerm", "ghostty", "WarpTerminal")
    )
    progress = (
        bool(environ.get("WT_SESSION"))
        or environ.get("ConEmuANSI") == "ON"
        or program == "ghostty"
        or term == "xterm-ghostty"
        or vte >= (8000,)
        or (program == "iTerm.app" and version >= (3, 6, 6))
        or (program == "vscode" and version >= (1, 97))
    )
    return frozenset({BELL, TITLE, *([DESKTOP] if desktop else []), *([PROGRESS] if progress else [])})


def _numbers(version: str) -> tuple[int, ...]:
    """`3.6.6-nightly` as (3, 6, 6)."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version.partition("-")[0]))


def title(text: str) -> str:
    """Another title of the window, or of the pane inside tmux."""
    return _osc(f"2;{_safe(text)}")


def _osc(text: str) -> str:
    return f"\x1b]{text}\x1b\\"


def _safe(text: str) -> str:
    """Text of a server or a repository without anything that would end the sequence or begin another one."""
    return "".join(sign for sign in one_line(text) if sign.isprintable())[:LONGEST]
