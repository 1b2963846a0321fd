"""The lists of the Changes tab: commits, files, and the lines of one file's difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.changes import Changes, Commit, FileChange
from core.text import show_path
from tui.view.difference_lines import commit_row, commit_rows, commits_said, file_row, files_said
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, cell_len, one_line
from tui.view.rules import ruled
from tui.widgets.rows import Rows


class CommitRows(Rows):
    """The commits, those that are taken back first."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="changes-commits")
        self._glyphs = glyphs
        self._rows: list[tuple[str, Commit]] = []
        self._author_cells = 0
        self._said: Callable[[int], Sequence[Line]] = lambda cells: ()

    def show(self, changes: Changes | None, text: str, waiting: Sequence[Line]) -> None:
        rows = commit_rows(changes) if changes else []
        self._rows = [row for row in rows if text in f"{row[1].revision} {row[1].subject} {row[1].author}".lower()]
        self._author_cells = max((cell_len(one_line(commit.author)) for _, commit in self._rows), default=0)
        self._said = lambda cells: commits_said(changes, cells) if changes else waiting
        self.set_keys([commit.revision for _, commit in self._rows])

    def draw(self, index: int, cells: int) -> Line:
        return commit_row(*self._rows[index], cells, min(self._author_cells, cells // 5), self._glyphs)

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        return self._said(cells - 1)


class FileRows(Rows):
    """The files that differ, by path."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="changes-files")
        self._glyphs = glyphs
        self._changes: Changes | None = None
        self._items: Sequence[FileChange] = ()
        self._texts: Sequence[str] = ()
        self._waiting: Sequence[Line] = ()

    @property
    def item(self) -> FileChange | None:
        """The one under the cursor."""
        return self._items[self.cursor] if 0 <= self.cursor < len(self._items) else None

    def show(self, changes: Changes | None, text: str, waiting: Sequence[Line]) -> None:
        self._waiting = waiting
        items = changes.files.changes if changes else ()
        if changes is not self._changes:
            self._changes, self._texts = changes, ()
        if text and not self._texts:
            self._texts = [f"{show_path(item.path)}\n{show_path(item.was)}".lower() for item in items]
        self._items = [item for item, said in zip(items, self._texts, strict=True) if text in said] if text else items
        self.set_keys([item.path.decode("latin-1") for item in self._items])

    def draw(self, index: int, cells: int) -> Line:
        assert self._changes is not None  # there are rows
        return file_row(self._items[index], self._changes, cells, self._glyphs)

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        return files_said(self._changes, cells - 1) if self._changes else self._waiting


class TextRows(Rows):
    """The difference of one file, its long lines over several rows."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="changes-text")
        self._glyphs = glyphs
        self._rows_for: Callable[[int], Sequence[Line]] = lambda cells: ()
        self._made: tuple[int, Sequence[Line]] = (-1, ())
        self._above: Line = ()
        self._of: object = None

    def show(self, of: object, name: Line, make: Callable[[int], Sequence[Line]]) -> None:
        """Show what `make` gives for a width, under a name; unless that of the same thing is shown already."""
        if of == self._of:
            return
        self._of, self._above, self._rows_for, self._made = of, name, make, (-1, ())
        self.set_keys(())
        self._lay_out()
        self.cursor = 0

    def on_resize(self) -> None:
        self._lay_out()
        super().on_resize()

    def _lay_out(self) -> None:
        cells = self.scrollable_content_region.width
        if cells > 0 and self._made[0] != cells:
            self._made = (cells, self._rows_for(cells))
            self.set_keys([str(number) for number in range(len(self._made[1]))])

    def draw_head(self, cells: int) -> Sequence[Line]:
        return (ruled(self._above, cells, self._glyphs),) if self._above else ()

    def draw(self, index: int, cells: int) -> Line:
        return self._made[1][index]
