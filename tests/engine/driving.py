"""Driving the engine in tests: a fleet with all that it says, and what must be true on servers before and after."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest, execute, make_plan
from core.errors import FleetError, TurnoutError
from core.events import Event, OperationFinished, PhaseFinished, PhaseStarted
from core.fleet import Fleet
from core.jobs import Controls
from core.records import Record, parse_record
from tests.servers import Destination
from tests.waiting import until


class Engine:
    """A fleet on real servers, and every event that was said."""

    def __init__(self, project, environment="production", servers=None):
        loaded = project.load()
        self.fleet = Fleet(loaded, loaded.environment(environment), servers)
        self.events: list[Event] = []
        self.controls = Controls()
        self.on_event: Callable[[Event], None] = lambda event: None
        """Called with each event, on the engine's threads."""

    def run(self, request, plan=None):
        return execute(self.fleet, request, plan, self.hear, self.controls)

    def plan(self, request):
        return make_plan(self.fleet, request, self.hear, self.controls.cancel)

    def hear(self, event):
        self.events.append(event)
        self.on_event(event)

    def deploy(self, **options):
        return self.run(DeployRequest(**options))

    def rollback(self, tag=None):
        return self.run(RollbackRequest(tag))

    def prune(self, *tags, **options):
        return self.run(PruneRequest(tags, **options))

    def fails(self, work, kind=TurnoutError, match=""):
        """The error of one server that `work` ends with; of several, the first of `kind`."""
        with pytest.raises(TurnoutError) as raised:
            work()
        error = raised.value
        if isinstance(error, FleetError):
            error = next(
                (server_error for server_error in error.errors.values() if isinstance(server_error, kind)), error
            )
        assert isinstance(error, kind), repr(error)
        assert match in str(error), str(error)
        return error

    def said(self, kind, **wanted):
        """The events of a kind whose fields are as wanted."""
        return [
            event
            for event in list(self.events)
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items())
        ]

    def well_formed(self):
        """Every phase that started has ended, and the last word is the operation's end."""
        begun = sorted((event.server, event.phase) for event in self.said(PhaseStarted))
        ended = sorted((event.server, event.phase) for event in self.said(PhaseFinished))
        assert begun == ended
        assert isinstance(self.events[-1], OperationFinished)


def deploy_each(operator: Engine, project, *tags: str) -> None:
    """Deploy a commit of its own for each tag, in this order; index.html of `r1` holds `1`."""
    for tag in tags:
        project.commit({"index.html": f"{tag.removeprefix('r')}\n"})
        operator.deploy(tag=tag)


def current(place: Destination) -> str:
    """Where `current` leads, "" where there is none."""
    link = place.files / "current"
    return os.readlink(link) if link.is_symlink() else ""


def live(place: Destination) -> str:
    """The tag that `current` leads to, "" for none."""
    return current(place).removeprefix("releases/")


def releases(place: Destination) -> list[str]:
    """The names in releases/, without what is half-made or half-removed there."""
    folder = place.files / "releases"
    names = [entry.name for entry in folder.iterdir()] if folder.exists() else []
    return sorted(name for name in names if not name.startswith(".turnout-"))


def record(place: Destination, tag: str) -> Record:
    return parse_record((place.files / ".turnout/records" / f"{tag}.toml").read_text())


def records(place: Destination) -> list[str]:
    return sorted(path.stem for path in (place.files / ".turnout/records").glob("*.toml"))


def at_rest(places: Iterable[Destination]) -> None:
    """Nobody holds a lock, and nothing half-made is left; what is half-removed goes within moments."""
    for place in places:
        own = place.files / ".turnout"
        assert not (own / "lock").exists(), place.alias
        assert not (place.files / ".current-next").is_symlink()
        for name in ("incoming", "trash"):
            assert not (own / name).exists() or not list((own / name).iterdir()), f"{place.alias}: {name}"
        until(lambda own=own: not list(own.glob("trash.*")), f"{place.alias}: trash is emptied")
        target = current(place)
        assert not target or (place.files / target).is_dir(), f"{place.alias}: current dangles"


def snapshot(folder: Path, *, links: tuple[str, ...] = ()) -> dict[bytes, tuple[str, bytes]]:
    """Every path below a folder: its kind (executables have one of their own) and its content or target."""
    entries: dict[bytes, tuple[str, bytes]] = {}
    root = os.fsencode(folder)
    for base, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(base, name)
            short = os.path.relpath(path, root)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                entries[short] = ("link", os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                entries[short] = ("folder", b"")
            else:
                with open(path, "rb") as file:
                    entries[short] = ("executable" if status.st_mode & 0o100 else "file", file.read())
    return entries


def tree_of(project) -> dict[bytes, tuple[str, bytes]]:
    """What a release of a project's tree must hold, byte for byte."""
    entries = snapshot(project.tree)
    return {path: entry for path, entry in entries.items() if path != b".git" and not path.startswith(b".git/")}
