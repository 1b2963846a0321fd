"""The help: every key as the user has it, with the reason beside one that does nothing now, and the signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.binding import Binding

from tui.commands import app_wide
from tui.commands.registry import grouped
from tui.dialogs.base import Dialog
from tui.keymap import Keymap
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, width, wrap
from tui.view.release_state import WORDS, legend

HERE = "Here"
"""The group of the keys that do something where the help was opened."""

KEY_CELLS = 14
"""The width of the column of keys."""


class HelpScreen(Dialog[None]):
    """All keys by group, those that do something where it was opened (`here`, their ids) before all.

    why_not    gives the reason why an action does nothing now, or ""
    says_now   gives what it would do now, where there is more to say than its help, or ""
    """

    title_text = "Keys"
    BINDINGS = [
        Binding(command.keys, "close", show=False, id=command.id)
        for command in app_wide.COMMANDS
        if command.id in ("help", "quit")
    ]
    """The key that opened it closes it, and what leaves a page elsewhere leaves this one."""

    def __init__(
        self,
        keymap: Keymap,
        glyphs: Glyphs,
        why_not: Callable[[str], str],
        says_now: Callable[[str], str],
        *,
        place: str,
        here: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._keymap = keymap
        self._glyphs = glyphs
        self._why_not = why_not
        self._says_now = says_now
        self._place = place
        self._here = here

    def lines(self, cells: int) -> Sequence[Line]:
        out: list[Line] = []
        here = [(HERE, [self._keymap.by_id[name] for name in self._here])] if self._here else []
        for group, keys in [*here, *grouped()]:
            out += [(), line((group, "head"))] if out else [line((group, "head"))]
            for key in keys:
                said = self._says_now(key.id)
                text = f"{key.help} ({said})" if said else key.help
                out += self._key_lines(self._keymap.shown_all(key.id), text, self._why_not(key.id), cells)
        out += [(), line(("Signs", "head")), *_legend_lines(self._glyphs, cells)]
        out += [(), *(line((text, "dim")) for text in wrap(f"Every key can be changed: {self._place}", cells))]
        for fault in self._keymap.faults:
            out += [line((text, "warn")) for text in wrap(f"{self._glyphs.alert} {fault}", cells, "  ")]
        return out

    def _key_lines(self, shown: str, text: str, reason: str, cells: int) -> list[Line]:
        """A key, what it does and why it does nothing now, in as many lines as that takes."""
        role = "off" if reason else ""
        first, *rest = wrap(text, cells - KEY_CELLS - 2)
        indent = " " * (KEY_CELLS + 2)
        out = [line((f"  {fit(shown, KEY_CELLS)}", role or "key"), (first, role))]
        out += [line((indent + more, role)) for more in rest]
        if reason:
            beside = line((f"  ({reason})", "dim"))
            if width(out[-1]) + width(beside) <= cells:
                out[-1] = (*out[-1], *beside)
            else:
                out += [line((f"{indent}{part}", "dim")) for part in wrap(f"({reason})", cells - len(indent))]
        return out


def _legend_lines(glyphs: Glyphs, cells: int) -> list[Line]:
    """What the signs mean, in as many lines as that takes."""
    out: list[Line] = [line(" ")]
    for standing in WORDS:
        sign = line("  ", *legend(glyphs, [standing]))
        if width(out[-1]) + width(sign) <= cells:
            out[-1] = (*out[-1], *sign)
        else:
            out.append(line(" ", *sign))
    return out
