"""Two releases beside each other for the Changes tab: which two, and what the engine finds out about them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from core.changes import Changes, FileChange, Side
from core.errors import Cancelled, TurnoutError
from core.jobs import Controls, Job
from core.records import ServerState
from tui.model.bridge import Bridge
from tui.model.focus import Focus
from tui.view.fleet import FleetView

if TYPE_CHECKING:
    from core.fleet import Fleet
    from core.operations.content import FileDifference

SETTLED = 0.15
"""Seconds for which the cursor stands on a row before anything is asked: who passes over rows asks nothing."""

KEPT = 40
"""Differences that are kept, those seen last; a look again costs nothing then."""

MOST_FILES = 50_000
"""Files in all differences that are kept: they take most of the memory."""

Pair = tuple[Side, Side]


class Found(Struct, frozen=True):
    """What came of a comparison: the changes, or the error."""

    changes: Changes | None
    error: TurnoutError | None = None

    @property
    def files(self) -> int:
        return len(self.changes.files.changes) if self.changes else 0


def chosen_pair(fleet_view: FleetView, here: Focus, *, by_checksum: bool = True) -> Pair | None:
    """The two releases that a person has chosen, the older one first; None where there are no two.

    Those of the history, where it is asked about two; else two marked releases; else what is live on two marked
    servers, where that is one release what each really holds of it (with `by_checksum`: their files are read for that);
    else the server under the cursor beside the live release, where the list of servers had the focus; else the release
    under the cursor beside the live one. The live one itself is beside the one before it.
    """
    if here.pair is not None:
        known = all(tag in fleet_view.places for tag in here.pair) and here.pair[0] != here.pair[1]
        return (Side(here.pair[0]), Side(here.pair[1])) if known else None
    live = fleet_view.live
    tags = sorted(here.marked & fleet_view.places.keys(), key=lambda tag: -fleet_view.places[tag])
    if len(tags) == 2:
        return Side(tags[0]), Side(tags[1])
    if pair := _on_servers(fleet_view, here.marked_servers, by_checksum=by_checksum):
        return pair
    tag = here.release.tag if here.release else ""
    if here.list == "servers":
        server = fleet_view.server(here.server)
        tag = server.state.current if server and server.state else live
    tag = tag or live
    other = live if tag != live else fleet_view.previous or _older(fleet_view, tag)
    other = other or _older(fleet_view, tag)
    if not tag or not other or tag == other:
        return None
    place = fleet_view.places
    old, new = sorted((tag, other), key=lambda each: -place.get(each, len(place)))
    return Side(old), Side(new)


def _on_servers(fleet_view: FleetView, names: Set[str], *, by_checksum: bool) -> Pair | None:
    """What is live on two servers; None where there are no two, or nothing is to be compared."""
    states = [state for state in fleet_view.known if state.server in names and state.current in fleet_view.places]
    if len(names) != 2 or len(states) != 2:
        return None
    old, new = sorted(states, key=lambda state: -fleet_view.places[state.current])
    if old.current != new.current:
        return Side(old.current), Side(new.current)
    return (Side(old.current, old.server), Side(new.current, new.server)) if by_checksum else None


def _older(fleet_view: FleetView, tag: str) -> str:
    """The release that was made before this one, "" for none."""
    place = fleet_view.places.get(tag, len(fleet_view.rows)) + 1
    return fleet_view.rows[place].tag if place < len(fleet_view.rows) else ""


class ReleaseChanges:
    """Compares a pair and reads files of it on engine threads; all methods are called on the bridge's thread.

    later      calls work after so many seconds          on_change   called when there is something else to show
    pair       that is to be shown; None for none        item        the file whose difference is to be shown
    """

    def __init__(
        self,
        bridge: Bridge,
        later: Callable[[float, Callable[[], None]], None],
        on_change: Callable[[], None],
    ) -> None:
        self._bridge = bridge
        self._later = later
        self._on_change = on_change
        self._found: OrderedDict[tuple[object, ...], Found] = OrderedDict()
        self._read: OrderedDict[tuple[object, ...], FileDifference] = OrderedDict()
        self._job: Job[Any] | None = None
        self._reading: Job[Any] | None = None
        self._key: tuple[object, ...] = ()
        self.pair: Pair | None = None
        self.item: FileChange | None = None

    @property
    def found(self) -> Found | None:
        """What is known of the pair; None while it is compared."""
        return self._found.get(self._key)

    @property
    def file(self) -> FileDifference | None:
        """The difference of `item`; None while it is read, or none was asked for."""
        return self._read.get((self._key, self.item)) if self.item else None

    def look_at(
        self, pair: Pair | None, fleet: Fleet, states: Mapping[str, ServerState], *, ask_servers: bool = True
    ) -> None:
        """Show this pair from now on. It is compared unless it was before, and where it still is to be shown soon."""
        key = (pair, *_contents(pair, states), ask_servers or None)
        if key == self._key:
            return
        known = next((each for each in (key, (*key[:-1], True)) if self._is_whole(each)), None)
        if known == self._key and known is not None:
            return
        self.pair, self._key, self.item = pair, known or key, None
        self._stop()
        if known:
            self._found.move_to_end(known)
        elif pair is not None:
            self._later(SETTLED, lambda: self._compare(key, pair, fleet, states, ask_servers=ask_servers))

    def _is_whole(self, key: tuple[object, ...]) -> bool:
        """Whether all is known of a comparison. What was not known may be known now."""
        found = self._found.get(key)
        changes = found.changes if found else None
        return changes is not None and not changes.commits.unknown and not changes.files.unknown

    def stop(self) -> None:
        """Give up what is being asked: nobody looks any more."""
        self._stop()
        if self.found is None:
            self._key, self.pair = (), None

    def _stop(self) -> None:
        for job in (self._job, self._reading):
            if job is not None:
                job.controls.cancel.request_apart()
        self._job = self._reading = None

    def _compare(
        self,
        key: tuple[object, ...],
        pair: Pair,
        fleet: Fleet,
        states: Mapping[str, ServerState],
        *,
        ask_servers: bool,
    ) -> None:
        if key != self._key or self._job is not None:
            return

        def work(emit: Any, controls: Controls) -> Changes:
            from core.operations.differences import differences

            return differences(fleet, *pair, states, controls.cancel, ask_servers=ask_servers)

        job: Job[Changes] = Job("changes", work)
        self._job = job
        self._bridge.follow(job, lambda ended: self._compared(key, ended))
        job.start()

    def _compared(self, key: tuple[object, ...], job: Job[Any]) -> None:
        if job is self._job:
            self._job = None
        if isinstance(job.error, Cancelled):
            return
        self._found[key] = Found(job.outcome, job.error)
        while len(self._found) > 1 and (len(self._found) > KEPT or self._files_kept > MOST_FILES):
            self._found.popitem(last=False)
        if key == self._key:
            self._on_change()

    @property
    def _files_kept(self) -> int:
        return sum(each.files for each in self._found.values())

    def read(self, item: FileChange | None, fleet: Fleet, states: Mapping[str, ServerState]) -> None:
        """Show the difference of this file of the pair from now on; None for that of no file."""
        found = self.found
        if item == self.item or found is None or found.changes is None:
            return
        self.item = item
        if self._reading is not None:
            self._reading.controls.cancel.request_apart()
            self._reading = None
        if item is not None and self.file is None:
            key, changes = (self._key, item), found.changes
            self._later(SETTLED, lambda: self._read_file(key, changes, item, fleet, states))

    def _read_file(
        self,
        key: tuple[object, ...],
        changes: Changes,
        item: FileChange,
        fleet: Fleet,
        states: Mapping[str, ServerState],
    ) -> None:
        if key != (self._key, self.item) or self._reading is not None:
            return

        def work(emit: Any, controls: Controls) -> FileDifference:
            from core.operations.content import file_difference

            return file_difference(fleet, changes, item, states, controls.cancel)

        job: Job[FileDifference] = Job("file", work)
        self._reading = job
        self._bridge.follow(job, lambda ended: self._was_read(key, ended))
        job.start()

    def _was_read(self, key: tuple[object, ...], job: Job[Any]) -> None:
        if job is self._reading:
            self._reading = None
        if job.outcome is None:
            return
        self._read[key] = job.outcome
        while len(self._read) > KEPT:
            self._read.popitem(last=False)
        if key == (self._key, self.item):
            self._on_change()


def _contents(pair: Pair | None, states: Mapping[str, ServerState]) -> tuple[object, ...]:
    """What the servers say that the releases hold: where it changes, the comparison is another one."""
    if pair is None:
        return ()
    tags = {side.tag for side in pair}
    return tuple(
        sorted(
            (name, tag, release.record.digest if release.record else "", release.present)
            for name, state in states.items()
            for tag in tags
            if (release := state.releases.get(tag)) is not None
        )
    )
