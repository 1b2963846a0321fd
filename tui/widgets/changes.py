"""The Changes tab: the commits between two releases, the files that differ, and the difference of one of them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Input

from core.text import show_path
from tui.keymap import CHANGES_KEYS, Keymap, bindings
from tui.model.focus import Focus
from tui.model.release_changes import Pair, chosen_pair
from tui.model.workspace import Workspace
from tui.view.difference_lines import (
    text_rows,
    title_line,
)
from tui.view.glyphs import Glyphs
from tui.view.lines import line, one_line
from tui.widgets.changes_lists import CommitRows, FileRows, TextRows
from tui.widgets.paint import Lines
from tui.widgets.rows import Rows
from tui.widgets.tab import Tab

STACKED = 64
"""Cells below which commits and files are one above the other."""

BESIDE = 96
"""Cells from which the difference of a file is beside the files, where it is not below them."""

TALL = 22
"""Rows from which commits, files and the difference of a file are seen together."""

SHORT = 12
"""Rows below which two files are enough beside the difference of one."""

WAITING = (line(("comparing", "busy")),)


class ChangesTab(Vertical, Tab):
    """Commits on the left, files on the right, the difference of a file below or beside them."""

    tab_name = "changes"
    keys = CHANGES_KEYS
    follows_cursor = True
    BINDINGS = bindings(*(key.id for key in CHANGES_KEYS), "close")

    def __init__(self, glyphs: Glyphs, keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._keymap = keymap
        self._workspace: Workspace | None = None
        self._here = Focus()
        self._chosen: Pair | None = None
        self._exchanged = False
        self._opened = False
        self._filter = ""
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        yield Lines(id="changes-title")
        with Container(id="changes-body"):
            with Container(id="changes-lists"):
                yield CommitRows(self._glyphs)
                yield FileRows(self._glyphs)
            yield TextRows(self._glyphs)
        yield Input(id="changes-filter", compact=True)

    def on_mount(self) -> None:
        self.commits = self.query_one(CommitRows)
        self.files = self.query_one(FileRows)
        self.text = self.query_one(TextRows)
        self.query_one("#changes-filter").display = False
        self._arrange()

    @property
    def typing(self) -> tuple[str, str] | None:
        return ("Keep the filter", "Show all") if self.query_one("#changes-filter").has_focus else None

    @property
    def focus_target(self) -> Rows:
        return self.text if self._opened else self.files

    def show(self, workspace: Workspace, here: Focus) -> None:
        self._workspace, self._here = workspace, here
        # Nobody reads all files of a server while an operation works there.
        chosen = chosen_pair(workspace.fleet_view, here, by_checksum=not workspace.operation_runs)
        if chosen != self._chosen:
            self._chosen, self._exchanged = chosen, False
            self._close_file()
        self._look()

    def _look(self) -> None:
        """Have the pair compared, and draw what is known of it."""
        workspace = self._workspace
        if workspace is None:
            return
        pair = (self._chosen[1], self._chosen[0]) if self._chosen and self._exchanged else self._chosen
        states = {state.server: state for state in workspace.fleet_view.known}
        workspace.changes.look_at(pair, workspace.fleet, states, ask_servers=not workspace.operation_runs)
        if self._opened:
            workspace.changes.read(self.files.item, workspace.fleet, states)
        self._draw()

    def _draw(self) -> None:
        assert self._workspace is not None  # _look
        asked = self._workspace.changes
        found = asked.found
        changes = found.changes if found else None
        if asked.pair is None:
            self.query_one("#changes-title", Lines).show([line(("There are no two releases to compare.", "dim"))])
        else:
            state = found.error.title if found and found.error else "" if found else "comparing …"
            cells = max(self.size.width - 2, 20)
            self.query_one("#changes-title", Lines).show(
                [title_line(*asked.pair, changes, cells, self._glyphs, one_line(state))]
            )
        drawn = (asked.pair, changes, self._filter, bool(found))
        if drawn != self._drawn:
            self._drawn = drawn
            waiting = WAITING if asked.pair and not found else ()
            self.commits.show(changes, self._filter, waiting)
            self.files.show(changes, self._filter, waiting)
        if self._opened:
            self._draw_file()

    def _draw_file(self) -> None:
        assert self._workspace is not None  # _look
        item, read = self.files.item, self._workspace.changes.file
        if item is None:
            self.text.show(None, (), lambda cells: ())
            return
        places = one_line(" and ".join(read.places)) if read else ""
        head = line((show_path(item.path), "strong"), (f"  from {places}" if places else "", "dim"))
        if read is None or read.path != item.path:
            self.text.show((item, None), head, lambda cells: WAITING)
        elif read.unknown:
            said = one_line(read.unknown)
            self.text.show((item, read), head, lambda cells: [line((said, "dim"))])
        else:
            self.text.show((item, read), head, lambda cells: text_rows(read.lines, cells, self._glyphs))

    def _arrange(self) -> None:
        """What is beside what, for this size: as much as can be read at once."""
        cells, rows = self.size.width, self.size.height
        tall = rows >= TALL
        beside = self._opened and not tall and cells >= BESIDE
        alone = self._opened and not tall
        self.set_class(self._opened and not beside, "-below")
        self.set_class(beside, "-beside")
        self.set_class(alone, "-file")
        self.set_class(alone and rows < SHORT, "-short")
        self.set_class(cells < STACKED, "-stacked")
        self.commits.display = not alone
        self.text.display = self._opened

    def on_resize(self) -> None:
        self._arrange()
        if self._workspace is not None and self.display:
            self._draw()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        event.stop()
        if event.rows is self.files and self._opened:
            self._look()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """Show the difference of the file under the cursor; from the commits go to the files."""
        if self.commits.has_focus:
            self.files.focus()
        elif self._opened:
            self.text.focus()
        elif self.files.item is not None:
            self._opened = True
            self._arrange()
            self._look()

    def _close_file(self) -> None:
        if self._opened:
            self._opened = False
            if self.text.has_focus:
                self.files.focus()
            self._arrange()

    def action_exchange(self) -> None:
        self._exchanged = not self._exchanged
        self._look()

    def action_beside(self, step: int) -> None:
        """The next of commits, files and the difference that is seen."""
        shown = [rows for rows in (self.commits, self.files, self.text) if rows.display]
        place = next((number for number, rows in enumerate(shown) if rows.has_focus), 0)
        shown[min(max(place + step, 0), len(shown) - 1)].focus()

    def action_filter(self) -> None:
        field = self.query_one("#changes-filter", Input)
        field.placeholder = "paths and commits that contain …: Enter keeps it, Escape clears it"
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter = event.value.strip().lower()
        if self._workspace is not None:
            self._look()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        event.input.display = bool(self._filter)
        self.files.focus()

    def action_close(self) -> None:
        """Leave the innermost thing: the filter, the difference of a file, the tab."""
        field = self.query_one("#changes-filter", Input)
        if field.has_focus or self._filter:
            field.value, field.display = "", False
            self._filter = ""
            self.files.focus()
            self._look()
        elif self._opened:
            self._close_file()
        else:
            self.app.call_later(self.screen.run_action, "close")
