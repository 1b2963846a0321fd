"""The store in an operation: which servers fetch from it is planned, its packs are put there once, servers fetch."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from core.config import Project
from core.errors import ConfigError, LockLost, ServerError, SourceError, StoreError, TurnoutError
from core.events import Emit, Note, UploadProgress
from core.jobs import Cancel
from core.manifest import Difference, difference
from core.operations.planning import Prepared
from core.plan import CHANGES
from core.planner.stored import There, bases, choice, through_store, worth_asking
from core.records import Record, ServerState
from core.remote.held import Fetch
from core.source.tree import Tree
from core.store import catalog, trees
from core.store.catalog import Pack
from core.store.objects import objects_of
from core.store.packs import Contents, contents_of
from core.text import count, size

if TYPE_CHECKING:
    from core.operations.run import Run

TRIES = 3
"""How often a server tries to fetch a pack: the address may have run out, or the connection broken off."""
_REFUSED = re.compile(r"\b40[013]\b")
_SILENT = "nothing came from the store"
_WAITED = re.compile(rf"{_SILENT}|time(d |-)?out", re.IGNORECASE)
"""Says a server that has waited for the store as long as it does: next time it would wait as long."""
_BROKEN = re.compile(rf"curl: \((18|28|52|55|56|92)\)|wget ended with status 4|wget2 broke off|{_SILENT}")


def with_store(project: Project, prepared: Prepared, states: Mapping[str, ServerState], cancel: Cancel) -> Prepared:
    """The same with the servers that fetch from the store; a warning where it cannot be used: all is sent from here."""
    plan, store = prepared.plan, project.store
    if store is None or not store.can_be_fetched:
        return prepared
    choices = []
    try:
        for part in prepared.parts.values():
            if part.tree is not None and worth_asking(part.plan, store.saves):
                there = _there(project, part.tree.manifest.digest, bases(part.plan, states), cancel)
                choices.append(choice(part.plan, states, part.tree.manifest.bytes, there, store.saves))
    except (StoreError, ConfigError) as error:
        warning = f"{project.mask(error.said)}; the files are sent from here"
        return replace(prepared, plan=replace(plan, warnings=(*plan.warnings, warning)))
    return replace(prepared, plan=through_store(plan, choices, store.url)) if choices else prepared


def _there(project: Project, digest: str, wanted: Collection[str], cancel: Cancel) -> There:
    """What the store has of a tree, as far as servers can use it; wanted: the digests of what they have."""
    if not wanted:
        return There()
    objects = objects_of(project)
    olds = ["", *sorted({*wanted} - {""})]
    packs = trees.find_packs(objects, [(digest, old) for old in olds], cancel)
    has = {old for old, pack in zip(olds, packs, strict=True) if pack}
    return There("" in has, frozenset(has - {""}))


def tree_in_store(project: Project, record: Record, emit: Emit, cancel: Cancel) -> Tree | None:
    """The tree of a release from the store; None where there is no store, or where it does not have it.

    SourceError where it cannot be used.
    """
    if project.store is None:
        return None
    try:
        return trees.stored_tree(objects_of(project), project, record, emit, cancel)
    except (StoreError, ConfigError) as error:
        raise SourceError(error.title, detail=error.detail, hint=error.hint) from error


class _Ready(Struct, frozen=True):
    """A pack that is in the store, and what it holds."""

    key: str
    pack: Pack
    contents: Contents


class Fetching:
    """The servers of one operation that fetch from the store.

    patches_pay    whether patches for these servers travel in place of a pack that is not in the store yet
    bytes, files   what they have fetched, all together: of file content
    """

    def __init__(
        self,
        run: Run,
        prepared: Prepared,
        states: Mapping[str, ServerState],
        patches_pay: Callable[[Sequence[str], Cancel], bool],
    ) -> None:
        self.bytes = self.files = 0
        self._run = run
        self._prepared = prepared
        self._states = states
        self._patches_pay = patches_pay
        self._lock = threading.Lock()
        self._packing: dict[str, threading.Lock] = {}
        self._ready: dict[str, _Ready | StoreError | None] = {}

    def fetch(self, name: str, cancel: Cancel) -> bool:
        """Have a server fetch its files. False where they have to be sent from here: patches of them, or, after a
        warning that says why, what its deploy-cache lacks once it was compared.

        Raises what ends an operation: Cancelled, ConnectError, LockLost, SourceError.
        """
        step = self._prepared.plan.step(name)
        try:
            ready = self._pack(self._states[name].cache if step.stored == CHANGES else "", cancel)
            if ready is None:
                return False
            self._ask_until_it_works(name, ready, cancel)
        except LockLost:
            raise
        except (StoreError, ServerError) as error:
            self._run.warn(f"{_said(error)}; its files are sent from here", name)
            return False
        with self._lock:
            self.bytes += step.send_bytes
            self.files += step.send_files
        return True

    def _ask_until_it_works(self, name: str, ready: _Ready, cancel: Cancel) -> None:
        """Up to TRIES requests to a server. Raises StoreError, ServerError where none of them worked.

        A store that fell silent, or a firewall that drops what goes there, is tried again only if something had come.
        """
        came = before = 0

        def on_bytes(now: int) -> None:
            nonlocal came
            came = now

        for number in range(1, TRIES + 1):
            try:
                self._ask(name, ready, cancel, on_bytes, fresh=number > 1)
                return
            except LockLost:
                raise
            except (StoreError, ServerError) as error:
                cancel.check()
                again = _REFUSED.search(error.detail) or _BROKEN.search(error.detail)
                in_vain = _WAITED.search(error.detail) and came <= before
                if number == TRIES or not again or in_vain:
                    raise
                before = came
                self._run.emit(Note(server=name, text=f"{_said(error)}; trying again"))

    def _ask(self, name: str, ready: _Ready, cancel: Cancel, on_bytes: Callable[[int], None], *, fresh: bool) -> None:
        """One request to a server; its progress as events. `on_bytes` gets how much of the pack has come."""
        run, step, pack = self._run, self._prepared.plan.step(name), ready.pack
        total: dict[str, Any] = {"total": step.send_bytes, "files_total": step.send_files}
        run.emit(UploadProgress(server=name, sent=0, files=0, **total))

        def told(came: int) -> None:
            on_bytes(came)
            part = came / pack.bytes if pack.bytes else 1.0
            sent, files = int(step.send_bytes * part), int(step.send_files * part)
            run.emit(UploadProgress(server=name, sent=sent, files=files, **total))

        request = Fetch(
            address=objects_of(run.fleet.project).address(ready.key, fresh=fresh),
            sha256=pack.sha256,
            size=pack.bytes,
            contents=ready.contents,
        )
        began = time.monotonic()
        run.held(name).fetch(request, cancel, told)
        run.emit(UploadProgress(server=name, sent=step.send_bytes, files=step.send_files, **total))
        took = time.monotonic() - began
        run.emit(Note(server=name, text=f"fetched {size(pack.bytes)} from the store in {took:.1f} s"))

    def _pack(self, old: str, cancel: Cancel) -> _Ready | None:
        """The pack for servers whose deploy-cache holds the tree `old`; who asks first puts it into the store. None
        where patches are sent in its place."""
        with self._lock:
            turn = self._packing.setdefault(old, threading.Lock())
        while not turn.acquire(timeout=0.1):
            cancel.check()
        try:
            if old not in self._ready:
                try:
                    self._ready[old] = self._put(old, cancel)
                except StoreError as error:
                    self._ready[old] = error
            found = self._ready[old]
        finally:
            turn.release()
        if isinstance(found, StoreError):
            raise found
        return found

    def _put(self, old: str, cancel: Cancel) -> _Ready | None:
        run, tree = self._run, self._prepared.tree
        assert tree is not None
        objects, digest = objects_of(run.fleet.project), tree.manifest.digest
        change: Difference | None = None
        if old:
            cache = next(cache for cache in self._prepared.caches.values() if cache is not None and cache.digest == old)
            # One pack for all of them: what it has too much does no harm where nobody shares the deploy root.
            of_group = any(run.session(step.server).ownership.group for step in self._prepared.plan.steps)
            change = difference(cache, tree.manifest, of_group=of_group)
        pack = trees.find_pack(objects, digest, old, cancel)
        if pack is not None:
            # No record names it until the release is made: a prune that runs now keeps it from here on.
            trees.in_use(objects, digest, cancel)
            pack = trees.find_pack(objects, digest, old, cancel)
        if pack is None and not old:
            pack, _ = trees.push(objects, tree, run.fleet.environment.name, run.who, run.emit, cancel)
        elif pack is None:
            steps = [step for step in self._prepared.plan.steps if step.stored == CHANGES]
            if self._patches_pay([step.server for step in steps if self._states[step.server].cache == old], cancel):
                return None
            pack = trees.push_pack(objects, tree, run.emit, cancel, change, old)
        return _Ready(catalog.pack_key(digest, pack.id, old), pack, contents_of(tree.manifest, change))


def fetched(fetchings: Iterable[Fetching]) -> list[str]:
    """What the operation's summary says of what its servers fetched; nothing where none did."""
    fetchings = list(fetchings)
    content, files = sum(each.bytes for each in fetchings), sum(each.files for each in fetchings)
    return [f"fetched {size(content)} in {count(files, 'file')} from the store"] if content else []


def _said(error: TurnoutError) -> str:
    first = error.detail.strip().partition("\n")[0]
    return f"{error.title}: {first}" if first else error.title
