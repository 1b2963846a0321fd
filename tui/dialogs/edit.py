"""The form for turnout.toml: environments, servers and hooks; what changes is tried, shown and then saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input

from core.config import Project, Server, editing
from core.config.editing import Draft
from core.errors import ConfigError, TurnoutError, UsageError
from core.jobs import Job
from tui.dialogs.base import Dialog, button, relabel
from tui.dialogs.pick import Choices, Pick
from tui.keymap import Keymap, bindings
from tui.model.bridge import Bridge
from tui.view.edit_lines import (
    ENVIRONMENT,
    NAME,
    NEW_ENVIRONMENT,
    Row,
    difference_lines,
    explained,
    explanations,
    fault_lines,
    faults_by_field,
    fields_of,
    left_lines,
    places_of,
    row_line,
    rows_of,
    typed,
    written,
)
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, one_line, wrap
from tui.widgets.paint import Lines

LABEL_CELLS = 14

EXPLAINED_ROWS = 2
"""Rows for what the field means in which a person types."""


class EditDialog(Pick[Project]):
    """What turnout.toml has, to change it; answers the project as it was saved."""

    title_text = "Environments, servers and hooks"
    BINDINGS = bindings("yes", "remove")
    tallest = 18

    def __init__(self, project: Project, *, bridge: Bridge, keymap: Keymap, glyphs: Glyphs) -> None:
        super().__init__()
        self._project = project
        self._draft = editing.begin(project.path)
        self._bridge = bridge
        self._keymap = keymap
        self._glyphs = glyphs
        self._rows = rows_of(project)

    def compose_body(self) -> ComposeResult:
        yield Choices(self._line)
        yield Lines(id="edit-hint")

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close", self.close_key)
        yield button("Save …", "yes", self._keymap.shown("yes"))

    def on_mount(self) -> None:
        self._show(self._draft)
        self.choices.focus()

    def _show(self, draft: Draft) -> None:
        self._draft = draft
        self._rows = rows_of(draft.project(self._project.settings))
        self.choices.set_keys([row.key for row in self._rows])
        key = self._keymap.shown
        said = f"{key('details')} changes or adds, {key('remove')} removes{'; not saved yet' if draft.changed else ''}"
        self.query_one("#edit-hint", Lines).show([line((said, "dim"))])

    def _line(self, index: int, cells: int) -> Line:
        return row_line(self._rows[index], cells, self._glyphs)

    def choose(self) -> None:
        row = self._rows[self.choices.cursor]
        form = FormDialog(self._draft, row, self._project, bridge=self._bridge, glyphs=self._glyphs)
        self.app.push_screen(form, lambda draft: self._show(draft) if draft is not None else None)

    def action_remove(self) -> None:
        row = self._rows[self.choices.cursor]
        if row.kind.startswith("new"):
            return
        draft = editing.without(self._draft, row.place)
        try:
            draft.project(self._project.settings)
        except ConfigError as error:
            self.notice(one_line(str(error.faults[0])), severity="warning")
            return
        self._show(draft)

    def agree(self) -> None:
        if not self._draft.changed:
            self.notice("nothing has changed")
            return
        save = SaveDialog(self._draft, self._project, bridge=self._bridge, keymap=self._keymap, glyphs=self._glyphs)

        def saved(project: Project | None) -> None:
            if project is not None:
                self.dismiss(project)

        self.app.push_screen(save, saved)


class FormDialog(Dialog[Draft]):
    """One table, a field for each key; answers the draft with it, once the file's own rules find no fault."""

    AUTO_FOCUS = "Input"

    def __init__(self, draft: Draft, row: Row, project: Project, *, bridge: Bridge, glyphs: Glyphs) -> None:
        super().__init__()
        self.title_text = one_line(row.text)
        self._bridge = bridge
        self._explained: Mapping[str, str] = {}
        self._draft = draft
        self._row = row
        self._project = project
        self._glyphs = glyphs
        self._fields = fields_of(row.kind)
        self._faults: Mapping[str, Sequence[str]] = {}
        """By field: what is wrong with it; under "" what is wrong elsewhere."""

    def compose_body(self) -> ComposeResult:
        table = {} if self._row.kind.startswith("new") else editing.written(self._draft, self._row.place)
        if self._row.kind == ENVIRONMENT:
            table = {NAME: self._row.place[-1], **table}
        with VerticalScroll(id="body", can_focus=False):
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Lines(classes="field-label")
                    yield Input(
                        written(field, table),
                        placeholder=" | ".join(field.choices),
                        compact=True,
                        classes="field-value",
                        select_on_focus=False,
                    )
                yield Lines(classes="field-fault")
            yield Lines(id="text")
        yield Lines(id="field-says")

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close", self.close_key)
        yield button("Apply", "yes", "Enter")

    def on_mount(self) -> None:
        for label, field in zip(self.query(".field-label").results(Lines), self._fields, strict=True):
            label.show([line((fit(field.key, LABEL_CELLS), "dim"))])
        self._show_faults({})
        job: Job[dict[str, str]] = Job("explain fields", lambda emit, controls: explanations(self._row.kind))
        self._bridge.follow(job, self.while_here(self._can_explain))
        job.start()

    def _can_explain(self, job: Job[Any]) -> None:
        self._explained = job.outcome or {}
        self._explain()

    def _explain(self) -> None:
        """Say what the field means in which a person types."""
        inputs = list(self.query(".field-value").results(Input))
        if self.focused in inputs:
            key = self._fields[inputs.index(self.focused)].key
            said = explained(key, self._explained.get(key, ""), self.cells, EXPLAINED_ROWS, self._glyphs)
            self.query_one("#field-says", Lines).show(said)

    def on_descendant_focus(self) -> None:
        self._explain()

    def draw(self) -> None:
        for below, field in zip(self.query(".field-fault").results(Lines), self._fields, strict=True):
            below.show(fault_lines(self._faults.get(field.key, ()), self.cells, LABEL_CELLS + 2))
        super().draw()
        self._explain()

    def lines(self, cells: int) -> Sequence[Line]:
        return fault_lines(self._faults.get("", ()), cells)

    def _show_faults(self, faults: Mapping[str, Sequence[str]]) -> None:
        """Say below each field what is wrong with it, and go to the first one."""
        self._faults = faults
        faulty = [bool(faults.get(field.key)) for field in self._fields]
        for below, wrong in zip(self.query(".field-fault").results(Lines), faulty, strict=True):
            below.display = wrong
        self.draw()
        if True in faulty:
            self.set_focus(list(self.query(".field-value").results(Input))[faulty.index(True)])
        elif faults:
            self.call_after_refresh(self.query_one("#body").scroll_end, animate=False)

    def action_cursor_down(self) -> None:
        self._go(1)

    def action_cursor_up(self) -> None:
        self._go(-1)

    def _go(self, step: int) -> None:
        """Go to the next field, or the one before; from the buttons to the last one."""
        inputs = list(self.query(".field-value").results(Input))
        here = inputs.index(self.focused) if self.focused in inputs else len(inputs)
        self.set_focus(inputs[min(max(here + step, 0), len(inputs) - 1)])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._apply()

    def agree(self) -> None:
        self._apply()

    def _apply(self) -> None:
        try:
            draft = self._with_values()
            draft.project(self._project.settings)
        except ConfigError as error:
            self._show_faults(faults_by_field(error, self._places))
        except UsageError as error:
            text = f"{error.title}; {error.hint}" if error.hint else error.title
            self._show_faults({NAME if self._fields[0].key == NAME else "": [one_line(text)]})
        else:
            self.dismiss(draft)

    @property
    def _places(self) -> Mapping[str, str]:
        """By field: where its value is in the file."""
        name = self.query(".field-value").first(Input).value.strip()
        number = len(editing.written(self._draft, self._row.place)) if self._row.kind.startswith("new") else 0
        return places_of(self._row, self._fields, name, number)

    def _with_values(self) -> Draft:
        texts = [field.value for field in self.query(".field-value").results(Input)]
        values: dict[str, Any] = {
            field.key: typed(field, text) for field, text in zip(self._fields, texts, strict=True)
        }
        row = self._row
        if row.kind == NEW_ENVIRONMENT:
            name = values.pop(NAME) or ""
            server = {key.removeprefix("server "): values.pop(key) for key in list(values) if key.startswith("server ")}
            return editing.with_environment(self._draft, name, values, server)
        if row.kind.startswith("new"):
            return editing.with_item(self._draft, row.place, values)
        name = values.pop(NAME, None) or ""
        draft = editing.with_values(self._draft, row.place, values)
        if row.kind == ENVIRONMENT and name != row.place[-1]:
            return editing.with_new_name(draft, str(row.place[-1]), name)
        return draft


class SaveDialog(Dialog[Project]):
    """What is going to be written, and whether the servers that are new or changed can be reached; answers the project
    as it was saved. A server that failed keeps nothing from being saved, but the button says so.
    """

    BINDINGS = bindings("yes")

    def __init__(self, draft: Draft, project: Project, *, bridge: Bridge, keymap: Keymap, glyphs: Glyphs) -> None:
        super().__init__()
        self.title_text = f"Save {draft.path.name}?"
        self._draft = draft
        self._bridge = bridge
        self._keymap = keymap
        self._glyphs = glyphs
        self._old, self._new = project, draft.project(project.settings)
        self._trials = {f"{name}/{server.name}": (name, server) for name, server in changed_servers(project, self._new)}
        self._ended: dict[str, TurnoutError | None] = {}

    def compose_buttons(self) -> ComposeResult:
        yield button("Back", "close", self.close_key)
        yield button("Save", "yes", self._keymap.shown("yes"), risky=True, disabled=True)

    def on_mount(self) -> None:
        for key, (environment, server) in self._trials.items():
            job: Job[None] = Job(f"try {key}", _trial(self._new, environment, server))
            self._bridge.follow(job, self.while_here(partial(self._tried, key)))
            job.start()
        self._offer()

    def _tried(self, key: str, job: Job[Any]) -> None:
        self._ended[key] = job.error
        self._offer()
        self.draw()

    def _offer(self) -> None:
        """Let it be saved once every trial has ended."""
        if len(self._ended) < len(self._trials):
            return
        yes = self.query_one("#yes", Button)
        failed = sum(error is not None for error in self._ended.values())
        word = f"Save although {failed} failed" if failed else "Save"
        relabel(yes, word, self._keymap.shown("yes"))
        self.set_title(self.title_text, bad=bool(failed))
        self.show_what_to_agree_to()

    @property
    def can_agree(self) -> bool:
        return len(self._ended) == len(self._trials)

    def lines(self, cells: int) -> Sequence[Line]:
        out: list[Line] = []
        for key in self._trials:
            if key not in self._ended:
                out.append(line((f"{self._glyphs.busy} {key}: connecting", "busy")))
            elif error := self._ended[key]:
                text = f"{self._glyphs.cross} {key}: {one_line(error.title)}{f'; {error.hint}' if error.hint else ''}"
                out += [line((part, "bad")) for part in wrap(text, cells)]
            else:
                out.append(line((f"{self._glyphs.done} {key}: answers", "ok")))
        out += left_lines(self._old, self._new, cells, self._glyphs)
        out += [()] if out else []
        return [*out, *difference_lines(self._draft.difference, cells, self._glyphs)]

    def agree(self) -> None:
        if not self.can_agree:
            self.notice("wait until the servers have been checked", severity="warning", seconds=3)
            return
        try:
            editing.save(self._draft)
        except UsageError as error:
            self.notice(f"{error.title}; {error.hint}", severity="error", seconds=12)
            return
        self.dismiss(self._new)


def changed_servers(before: Project, after: Project) -> list[tuple[str, Server]]:
    """The servers of `after` that are new, or that are reached in another way than before."""
    out = []
    for name, environment in after.environments.items():
        old = before.environments[name].servers if name in before.environments else ()
        out += [(name, server) for server in environment.servers if server not in old]
    return out


def _trial(project: Project, environment: str, server: Server) -> Any:
    """Connect to a server and look at it, as a job; nothing there is changed. UsageError where its root is not ours."""

    def work(emit: Any, controls: Any) -> None:
        from core.fleet import Fleet
        from core.overlap import WAY_OUT, overlaps

        with Fleet(project, project.environment(environment), [server]) as fleet:
            found = overlaps([fleet.inspect_one(server.name)], project.project, environment)
            if found:
                raise UsageError(found[server.name], hint=WAY_OUT)

    return work
