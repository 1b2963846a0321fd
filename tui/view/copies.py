"""Where a copied text goes, and what can be said of that truly (pure).

A terminal takes it by the escape sequence OSC 52 and does not answer, so nobody knows whether it was copied.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.text import count

MOST_SENT = 70_000
"""Bytes; of more than about 100,000 after encoding, terminals take nothing, or a part."""


def why_to_file(text: str, environ: Mapping[str, str]) -> str:
    """Why a text has to go to a file in place of the terminal; "" where the terminal may take it."""
    if len(text.encode("utf-8", "replace")) > MOST_SENT:
        return f"more than {MOST_SENT // 1000} kB, which terminals do not take"
    if environ.get("STY"):
        return "GNU screen keeps it from the terminal"
    return "this terminal has no clipboard" if environ.get("TERM") == "linux" else ""


def amount(text: str) -> str:
    """How much a text is, in words."""
    lines = text.count("\n") + (not text.endswith("\n"))
    return count(lines, "line") if lines > 1 else count(len(text.rstrip("\n")), "character")


def said_when_sent(text: str, environ: Mapping[str, str], what: str = "") -> str:
    """What is said when a text was sent to the terminal; `what` names it, else it says how much it is."""
    tmux = "; tmux passes it on only with `set -g set-clipboard on`" if environ.get("TMUX") else ""
    return f"{what + ':' if what else amount(text)} sent to the terminal to be copied{tmux}"
