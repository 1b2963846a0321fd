"""Dialogs in which one row of a list is chosen: a revision to deploy, what to prune."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Button, Input

from core.jobs import Job
from tui.dialogs.base import Dialog, button
from tui.keymap import Keymap, bindings
from tui.model.bridge import Bridge
from tui.view.choices import Choice, choice_line, name_width, narrowed
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line, one_line, width
from tui.widgets.rows import Rows

if TYPE_CHECKING:
    from core.config import Project

T = TypeVar("T")


class Choices(Rows):
    """Rows whose lines a dialog draws."""

    def __init__(
        self, draw: Callable[[int, int], Line], placeholder: Callable[[], Sequence[Line]] = lambda: ()
    ) -> None:
        super().__init__(id="choices")
        self._draw = draw
        self._placeholder = placeholder

    def draw(self, index: int, cells: int) -> Line:
        return (*line(" "), *self._draw(index, cells - 2))

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        return self._placeholder()


class Pick(Dialog[T]):
    """A dialog around a list; Enter or a double click chooses.

    tallest   rows of the list where the screen is high enough; on a lower one it scrolls
    """

    AUTO_FOCUS = "#choices"
    BINDINGS = bindings("details")
    tallest = 14
    choosing = "Plan …"
    """What Enter does with the row under the cursor, on its button."""

    @property
    def choose_key(self) -> str:
        return self.host.keymap.shown("details")

    @property
    def choices(self) -> Choices:
        return self.query_one(Choices)

    @property
    def scroller(self) -> Widget:
        return self.choices

    def draw(self) -> None:
        self.choices.styles.max_height = min(self.room_for(self.choices), self.tallest)
        self.choices.redraw()

    def action_details(self) -> None:
        self.choose()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.choose()

    def choose(self) -> None:
        """Answer with the row under the cursor."""

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "choose":
            self.choose()
        else:
            super().on_button_pressed(event)

    def action_cursor_down(self) -> None:
        self.choices.action_cursor_down()

    def action_cursor_up(self) -> None:
        self.choices.action_cursor_up()

    def action_page_down(self) -> None:
        self.choices.action_page_down()

    def action_page_up(self) -> None:
        self.choices.action_page_up()

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close", self.close_key)
        yield button(self.choosing, "choose", self.choose_key)


class DeployDialog(Pick[str]):
    """What to deploy: answers a branch, tag or commit, as chosen or as typed."""

    AUTO_FOCUS = "#typed-ref"
    choose_key = "Enter"  # of the field
    title_text = "Deploy: which revision?"
    has_ages = True

    def __init__(
        self, project: Project, live_revision: str, *, bridge: Bridge, glyphs: Glyphs, now: Callable[[], float]
    ) -> None:
        super().__init__()
        self._project = project
        self._live = live_revision
        self._bridge = bridge
        self._glyphs = glyphs
        self._now = now
        self._all: list[Choice] = []
        self._found: list[Choice] = []
        self._problem = ""
        self._loaded = False

    def compose_body(self) -> ComposeResult:
        yield Input(placeholder="type to filter, or any branch, tag or commit", id="typed-ref")
        yield Choices(self._line, self._placeholder)

    def on_mount(self) -> None:
        job: Job[list[Choice]] = Job("revisions", lambda emit, controls: revisions(self._project, self._live))
        self._bridge.follow(job, self.while_here(self._came))
        job.start()
        self.query_one(Input).focus()

    def _came(self, job: Job[Any]) -> None:
        self._loaded = True
        self._all = job.outcome or []
        self._problem = one_line(job.error.title) if job.error is not None else ""
        self._narrow(self.query_one(Input).value)

    def _narrow(self, text: str) -> None:
        self._found = narrowed(self._all, text)
        self.choices.set_keys([f"{choice.kind} {choice.ref}" for choice in self._found])
        if text:
            self.choices.cursor = 0

    def _line(self, index: int, cells: int) -> Line:
        names = name_width(self._found, cells)
        return choice_line(self._found[index], cells, names, self._now(), self._glyphs.more, self._glyphs.live)

    def _placeholder(self) -> Sequence[Line]:
        if self._problem:
            return [line((f"{self._glyphs.alert} {self._problem}", "bad"))]
        return [line(("the repository has no commits yet" if self._loaded else "reading the repository", "dim"))]

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.choose()

    def choose(self) -> None:
        if 0 <= self.choices.cursor < len(self._found):
            self.dismiss(self._found[self.choices.cursor].ref)


def revisions(project: Project, live_revision: str) -> list[Choice]:
    """Everything that can be deployed from a repository: the project's own ref first. Reads the repository."""
    from core.source import source_of

    choices = source_of(project).choices()
    commits, tags = choices.commits, choices.tags
    wanted = project.source.ref
    branches = sorted(choices.branches, key=lambda branch: branch.name != wanted)
    out: list[Choice] = []
    if commits and all(branch.name != wanted for branch in branches):
        newest = commits[0]
        out.append(Choice("ref", wanted, newest.revision, newest.subject, newest.author, newest.committed))
    # What two are called by, git would take for one of them: heads/v1 and tags/v1 can mean nothing else.
    often = Counter(item.name for item in (*branches, *tags))
    exact = {item.full: item.full.removeprefix("refs/") for item in (*branches, *tags)}
    named = {item.full: item.name if often[item.name] == 1 else exact[item.full] for item in (*branches, *tags)}
    out += [Choice("branch", named[b.full], b.revision, b.subject, b.author, b.committed) for b in branches]
    out += [Choice("commit", c.revision, c.revision, c.subject, c.author, c.committed) for c in commits]
    out += [Choice("tag", named[t.full], t.revision, t.subject, t.author, t.committed) for t in tags]
    if not live_revision:
        return out
    return [replace(choice, live=choice.revision == live_revision) for choice in out]


class PruneChoice(Struct, frozen=True):
    """What is to be pruned: one release, all beyond `keep`, or the caches."""

    tag: str = ""
    keep: int | None = None
    cache: bool = False


class PruneDialog(Pick[PruneChoice]):
    """What to prune, where nothing is marked."""

    title_text = "Prune: what?"
    BINDINGS = bindings("fewer", "more")

    def __init__(self, keep: int, tag: str, name: str, why_not: str, keymap: Keymap) -> None:
        """tag   of the release under the cursor, "" for none; `name` is how it is called"""
        super().__init__()
        self._called = name
        self.keep = keep
        self._tag = tag
        self._why_not = why_not
        self._keymap = keymap
        self._options = ["keep", "cache", *(["tag"] if tag else [])]

    def compose_body(self) -> ComposeResult:
        yield Choices(self._line)

    def on_mount(self) -> None:
        self.choices.set_keys(self._options)
        self.choices.focus()

    def _line(self, index: int, cells: int) -> Line:
        less, more = self._keymap.shown("fewer"), self._keymap.shown("more")
        option = self._options[index]
        if option == "keep":
            left = line("all but the newest ", (f" {self.keep} ", "accent"), " on each server")
            keys = line((f"   {less} {more}", "key"), (" change it", "dim"))
            return (*left, *(keys if width(left) + width(keys) <= cells else keys[:1]))
        if option == "cache":
            return line("the deploy-caches", ("   the next deploy sends all files", "dim"))
        if self._why_not:
            return line((f"the release {self._called}: it {self._why_not}", "off"))
        return line("the release under the cursor: ", (self._called, "accent"))

    def action_fewer(self) -> None:
        self.keep = max(self.keep - 1, 1)
        self.choices.redraw()

    def action_more(self) -> None:
        self.keep += 1
        self.choices.redraw()

    def choose(self) -> None:
        option = self.choices.key
        if option == "keep":
            self.dismiss(PruneChoice(keep=self.keep))
        elif option == "cache":
            self.dismiss(PruneChoice(cache=True))
        elif not self._why_not:
            self.dismiss(PruneChoice(tag=self._tag))
        else:
            self.notice(f"{self._called} {self._why_not}", severity="warning", seconds=3)
