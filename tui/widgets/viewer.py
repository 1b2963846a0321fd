"""A viewer of lines: it follows, searches, narrows, wraps, copies and saves. The log of an operation, the application's
logs and stored logs are shown by this one class."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from tui.keymap import LOG_KEYS, Keymap, bindings
from tui.view.glyphs import Glyphs
from tui.view.line_store import LineStore, LogLine
from tui.view.lines import Line, crop
from tui.view.search import Search
from tui.view.viewer_lines import ViewerState, file_path, save_line, search_line, state_line, why_not_saved
from tui.widgets.line_area import LineArea
from tui.widgets.paint import Lines

REDRAW_EVERY = 0.25
"""Seconds between two drawings of new lines: what travels to the terminal is bounded, however fast they come."""


class Viewer(Vertical):
    """Lines with a line of state above them. What is typed (a search, a file's name) is typed below them; what is to be
    said of that stands beside its field, in place of the state.

    subject   what the lines are of, for the name of a saved file: `production-deploy`
    above     lines of its owner between the state and the lines
    """

    BINDINGS = bindings(*(key.id for key in LOG_KEYS), "close")
    DEFAULT_CLASSES = "viewer"

    def __init__(self, glyphs: Glyphs, keymap: Keymap, subject: str = "log", id: str | None = None) -> None:
        super().__init__(id=id)
        self.subject = subject
        self.store = LineStore()
        self.names: tuple[str, ...] = ()
        self._glyphs = glyphs
        self._keymap = keymap
        self._area = LineArea(self.store, glyphs, self._scrolled)
        self._state = Lines(classes="viewer-state")
        self._above = Lines(classes="viewer-above")
        self._asked = Lines(classes="viewer-state")
        self._prompt = Input(classes="viewer-prompt", compact=True)
        self._asking = ""
        """What the prompt is for: "search", "save" or "" where it is closed."""
        self._problem = ""
        self._whole = False
        """Whether all lines came at once: none is ever new."""
        self._seen = 0
        """The number behind the last line that was there when following stopped."""
        self._drawn = 0.0
        self._due = False

    def compose(self) -> ComposeResult:
        yield self._state
        yield self._above
        yield self._area
        yield self._asked
        yield self._prompt

    def on_mount(self) -> None:
        self._prompt.display = self._asked.display = self._above.display = False
        self.redraw()

    def on_resize(self) -> None:
        self.say()

    def on_show(self) -> None:
        """What came while it was not on the screen was not drawn."""
        self.draw_soon()

    @property
    def follow(self) -> bool:
        """Whether it goes along with new lines."""
        return self._area.follow

    @property
    def typing(self) -> tuple[str, str] | None:
        """While the prompt is open: what Enter does with its text, and Escape."""
        asking = self._asking if self._prompt.has_focus else ""
        return {"search": ("Keep the search", "Leave it"), "save": ("Save", "Do not save")}.get(asking)

    @property
    def focus_target(self) -> LineArea:
        """What takes the focus."""
        return self._area

    # What it shows.

    def start(self, names: Sequence[str], subject: str = "", *, follow: bool = True) -> None:
        """Show the lines of something else, which come from these servers."""
        self.names = tuple(names)
        self.subject = subject or self.subject
        self.store.clear()
        self.store.names = self.names
        if self.store.server not in self.names:
            self.store.narrow(server="")
        self._area.marked = -1
        self._area.follow = follow
        self._whole = not follow
        self.redraw()

    def add(self, lines: Iterable[LogLine]) -> None:
        """Take lines at the end; they are drawn soon, and only if they are on the screen."""
        self.store.add(lines)
        if self.is_attached and not self._due:
            self._due = True
            self.set_timer(max(self._drawn + REDRAW_EVERY - time.monotonic(), 0.001), self._draw_due)

    def draw_soon(self) -> None:
        """Draw it, unless that is due anyway: it has come on the screen, or may have."""
        if not self._due:
            self.redraw()

    def lines(self) -> list[str]:
        """The lines that are shown, as they are written to a file."""
        cells = min(self.store.name_cells, 40)
        return [shown.written(cells) for shown in self.store.lines()]

    def show_above(self, lines: Sequence[Line]) -> None:
        """Show these lines of the owner between the state and the lines."""
        self._above.display = bool(lines)
        self._above.show(lines)

    def _draw_due(self) -> None:
        self._due = False
        if self._area.region:
            self.redraw()

    def redraw(self) -> None:
        """Draw what there is now."""
        self._drawn = time.monotonic()
        if self.is_attached:
            self._area.take_in()
            self.say()

    def say(self) -> None:
        """Draw the line of state."""
        cells = max(self.size.width - 2, 20)
        shown = self._asked if self._asking else self._state
        shown.show([crop(self._state_spans(cells), cells, self._glyphs.more)])

    def _state_spans(self, cells: int) -> Line:
        keys = {key.id: self._keymap.shown(key.id) for key in LOG_KEYS}
        if self._asking == "save":
            return save_line(self._prompt.value, self.store.shown, self._problem, cells, self._glyphs.more)
        if self._asking == "search":
            return search_line(self._state_now(), cells)
        return state_line(self._state_now(), keys, cells, self._glyphs)

    def _state_now(self) -> ViewerState:
        store = self.store
        return ViewerState(
            follow=self.follow,
            below=0 if self.follow or self._whole else store.first + len(store) - max(self._seen, store.first),
            servers=len(self.names),
            server=store.server,
            shown=store.shown,
            kept=len(store),
            dropped=store.dropped,
            search=store.search,
            place=store.match_place(self._area.marked),
            matches=store.matches,
            only=store.only,
        )

    # Following.

    def _scrolled(self) -> None:
        """A person left the end, or came back to it."""
        self._seen = self.store.first + len(self.store)
        self.say()

    def action_follow(self) -> None:
        self._area.set_follow(not self.follow)

    # Searching and narrowing.

    def action_log_search(self) -> None:
        self._ask("search", self.store.search.text)

    def action_log_next(self) -> None:
        self._step(1)

    def action_log_previous(self) -> None:
        self._step(-1)

    def _step(self, step: int) -> None:
        """Go to the next match, or the next error where nothing is searched for."""
        marked = self.store.beside(self._area.from_where(step), step)
        if marked < 0:
            text = self.store.search.text
            self.notify(f"no line has {text}" if text else "no line reports an error", markup=False)
            return
        self._area.mark(marked)
        self.say()

    def action_log_only(self) -> None:
        if not self.store.search.text:
            key = self._keymap.shown("log-search")
            self.notify(f"no search yet: {key} starts one", markup=False)
            return
        self._change(lambda: self.store.narrow(only=not self.store.only))

    def action_log_server(self) -> None:
        places = ("", *self.names)
        index = places.index(self.store.server) if self.store.server in places else 0
        self.narrow(places[(index + 1) % len(places)])

    def narrow(self, server: str) -> None:
        """Show only the lines of a server; "" for all."""
        self._change(lambda: self.store.narrow(server=server))

    def action_log_wrap(self) -> None:
        self._change(lambda: self.store.form(wrap=not self.store.wrap))

    def action_log_times(self) -> None:
        self._change(lambda: self.store.form(times=not self.store.times))

    def _change(self, change: Callable[[], None]) -> None:
        """Lay the lines out anew; what was at the top stays there, unless the end is followed."""
        self._area.keeping_place(change)
        self.say()

    # Copying and saving.

    def action_copy_log(self) -> None:
        text = self.screen.get_selected_text() or "\n".join(self.lines())
        if text:
            self.app.copy_to_clipboard(text)
        else:
            self.notify("nothing to copy yet", markup=False)

    def action_save_log(self) -> None:
        if not self.store.shown:
            self.notify("nothing to save yet", markup=False)
            return
        name = f"turnout-{self.subject}-{datetime.now():%Y%m%d-%H%M%S}.log"
        self._ask("save", str(file_path(name)))

    def _save(self, text: str) -> None:
        path = file_path(text)
        lines = self.lines()
        try:
            with path.open("x", encoding="utf-8") as file:
                file.writelines(f"{written}\n" for written in lines)
        except (OSError, ValueError) as error:
            self._problem = why_not_saved(error)
        else:
            self._close_prompt()
            self.notify(f"{len(lines):,} lines saved to {path}", markup=False, timeout=12)
            return
        self.say()

    # The prompt.

    def _ask(self, asking: str, value: str) -> None:
        self._asking, self._problem = asking, ""
        self._prompt.value = value
        self._prompt.cursor_position = len(value)
        self._show_prompt(shown=True)
        self.screen.set_focus(self._prompt)
        self.say()

    def _close_prompt(self) -> None:
        self._asking = ""
        self._show_prompt(shown=False)
        self.screen.set_focus(self._area)
        self.say()

    def _show_prompt(self, *, shown: bool) -> None:
        self._prompt.display = self._asked.display = shown
        self._state.display = not shown

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._asking == "search":
            search = Search.of(event.value)
            if search != self.store.search:
                self._change(lambda: self.store.narrow(search=search, only=self.store.only and bool(search.text)))
        elif self._asking:
            self._problem = ""
            self.say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._asking == "save":
            self._save(event.value)
            return
        self._close_prompt()
        if self.store.search.text:
            self._step(-1)

    def action_close(self) -> None:
        """Leave the prompt, else the search; else whatever the screen leaves."""
        if self._asking:
            searching = self._asking == "search"
            self._close_prompt()
            if searching:
                self._clear_search()
        elif self.store.search.text:
            self._clear_search()
        else:
            raise SkipAction

    def _clear_search(self) -> None:
        self._area.marked = -1
        self._change(lambda: self.store.narrow(search=Search(), only=False))
