"""The uploads of one operation: what each server needs, packed once for all that need the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from core.disk_space import emptied, lacking, of_release, of_upload
from core.errors import DiskFull, SourceError, TurnoutError
from core.events import Note
from core.jobs import Cancel
from core.manifest import EMPTY, Difference, Manifest, difference
from core.operations.fan_out import FanOut
from core.operations.planning import Prepared
from core.operations.progress import Progress
from core.operations.run import Run
from core.operations.streams import PREFIX, Stream
from core.patchable import patchable
from core.plan import UPLOAD
from core.protocol.listing import with_sizes
from core.records import ServerState, common_features
from core.source.coming import Coming
from core.tar.writer import Chunk, manifest_files, stream
from core.text import count, show_path, size, some_lines

if TYPE_CHECKING:
    from core.operations.patching import Patching
    from core.operations.stored import Fetching
    from core.remote.lanes import LargeFile
    from core.remote.upload import Upload
    from core.tar.patches import Patches


class _OtherFiles(TurnoutError):
    """What was sent before the tree was made is not what it has."""


class Delivery:
    """`bytes` and `files`: what was sent so far, to all servers."""

    def __init__(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState]) -> None:
        self.bytes = 0
        self.files = 0
        self._run = run
        self._tree = prepared.tree
        self._plan = prepared.plan
        self._states = states
        self._caches = prepared.caches
        self._lock = threading.Lock()
        self._fan_outs: dict[str, FanOut] = {}
        self._differences: dict[str, Difference] = {}
        self._patching: dict[FanOut, Patching | None] = {}
        self._large: dict[FanOut, list[LargeFile]] = {}
        self._senders = sum(step.action == UPLOAD and not step.stored for step in prepared.plan.steps)
        self.fetching = _fetching(run, prepared, states, self._patches_pay)
        self._ahead = prepared.ahead
        self._begun = set(self._ahead.servers) if self._ahead else set[str]()
        self._group_known()
        if self._ahead and self._begun:
            self._ahead.go(partial(self._rest, self._ahead.coming))

    def _group_known(self) -> None:
        """What is known of what servers lack; a server whose cache is compared first has its own stream."""
        if self._tree is not None:
            sent = [step for step in self._plan.steps if step.action == UPLOAD and step.exact and not step.stored]
            self._group([step.server for step in sent if step.server not in self._begun])

    def _group(self, servers: Iterable[str]) -> None:
        """Servers with the same cache get the same stream."""
        tree = self._tree
        assert tree is not None
        groups: dict[tuple[str, bool], list[str]] = {}
        for name in servers:
            cache = self._caches.get(name)
            groups.setdefault((cache.digest if cache else "", self._is_of_group(name)), []).append(name)
        for (_, of_group), names in groups.items():
            cache = self._caches.get(names[0])
            change = difference(cache or EMPTY, tree.manifest, of_group=of_group)
            fan_out = self._fan_out(change, names, cache or EMPTY, whole=cache is None)
            for name in names:
                self._differences[name] = change
                self._fan_outs[name] = fan_out

    def _patches_pay(self, servers: Sequence[str], cancel: Cancel) -> bool:
        """Whether patches for servers that hold the same cost about as little as what differs, put into the store once.
        If so, `send` sends them. Raises SourceError, Cancelled.
        """
        store = self._run.fleet.project.store
        if not (store and store.saves and any(self._plan.step(name).patched for name in servers)):
            return False
        self._senders += len(servers)
        self._group(servers)
        differs = self._differences[servers[0]].bytes
        travels = 0
        for name in servers:
            fan_out = self._fan_outs[name]
            fan_out.unpack(cancel)
            patching = self._patching[fan_out]
            travels += patching.bytes if patching else differs
        if travels - differs < store.saves:
            text = f"patches of {size(travels)} are sent from here, in place of {size(differs)} for the store"
            self._run.emit(Note(text=text))
            return True
        self._senders -= len(servers)
        for name in servers:
            del self._differences[name]
            unused = self._fan_outs.pop(name)
            self._patching.pop(unused, None)
            self._large.pop(unused, None)
        return False

    def _is_of_group(self, name: str) -> bool:
        """Whether a group shares the deploy root of a server."""
        return bool(self._run.session(name).ownership.group)

    def send(self, name: str, cancel: Cancel) -> None:
        """Bring a server's deploy-cache to the tree's content. Raises DiskFull, ServerError, ConnectError, Cancelled.

        If it ends early, the cache is without a manifest: next time it is compared by checksum, and what arrived is
        not sent again.
        """
        if self.fetching and self._plan.step(name).stored and self.fetching.fetch(name, cancel):
            return
        if name in self._begun and self._go_on(name, cancel):
            return
        run, held, state = self._run, self._run.held(name), self._states[name]
        assert self._tree is not None
        wipe = False
        if name not in self._differences:
            scanned = held.scan(cancel)
            wipe = scanned is None
            present = with_sizes(scanned, self._tree.manifest) if scanned else EMPTY
            of_group = self._is_of_group(name)
            self._differences[name] = difference(present, self._tree.manifest, of_group=of_group)
            self._fan_outs[name] = self._fan_out(self._differences[name], [name], present, whole=True)
            kept = self._tree.manifest.files - self._differences[name].files
            run.emit(Note(server=name, text=f"deploy-cache compared; already there: {count(kept, 'file')}"))
            self._refuse_what_does_not_fit(state, self._differences[name], wipe=wipe)
        change = self._differences[name]
        fan_out = self._fan_outs[name]
        patching = self._patching[fan_out]
        try:
            unpack = fan_out.unpack(cancel)
            progress = Progress(run, name, patching.bytes if patching else change.bytes, change.files)
            self._upload(name, fan_out, unpack, progress, cancel, change.remove, wipe=wipe)
            self._count(progress)
            if patching and patching.patches:
                self._apply(name, patching.patches, cancel)
        except TurnoutError:
            del self._differences[name]  # where it is tried again, the cache is compared first
            raise
        finally:
            fan_out.leave(name)

    def _go_on(self, name: str, cancel: Cancel) -> bool:
        """End an upload that began before the tree was made; False where that is of no use.

        Raises as `send`: where it is tried again, the cache is compared first.
        """
        assert self._ahead is not None and self._tree is not None
        self._begun.discard(name)
        progress = Progress(self._run, name, self._tree.manifest.bytes, self._tree.manifest.files)
        try:
            if not self._ahead.finish(name, progress, cancel):
                return False
        except _OtherFiles:
            return False
        self._count(progress)
        return True

    def _rest(self, coming: Coming, folders: set[bytes]) -> Iterator[Chunk]:
        """What an upload lacks that began before the tree was made. `folders`: those that it sent."""
        tree = self._tree
        assert tree is not None
        if not coming.fits(tree.manifest):
            raise _OtherFiles("other files came than the tree has")
        paths = coming.lacking(difference(EMPTY, tree.manifest).send, folders)
        tail = manifest_files(tree.manifest, None)
        yield from stream(tree.manifest, paths, PREFIX, tree.open, tree.mtime, tail, tree.check)

    def _upload(
        self,
        name: str,
        fan_out: FanOut,
        unpack: str,
        progress: Progress,
        cancel: Cancel,
        remove: Sequence[bytes] = (),
        *,
        wipe: bool = False,
    ) -> None:
        """Send one server a stream, and beside it the large files that travel in pieces."""
        held, large = self._run.held(name), self._large[fan_out]
        upload = held.upload()
        with upload.watch(cancel):
            upload.begin(held.root, held.token, unpack, remove, wipe, [file.path for file in large])
            if large:
                self._send_beside(name, fan_out, upload, unpack, progress, cancel)
            else:
                self._pump(name, progress, upload.send, fan_out)
                upload.finish()

    def _count(self, progress: Progress) -> None:
        """Take in what travelled to one server."""
        progress.end()
        with self._lock:
            self.bytes += progress.sent
            self.files += progress.files

    def _send_beside(
        self, name: str, fan_out: FanOut, upload: Upload, unpack: str, progress: Progress, cancel: Cancel
    ) -> None:
        """The stream over the upload's channel, and large files over several connections; if these are of no use, as
        all others are sent.
        """
        from core.operations.large import Beside

        run, tree, large = self._run, self._tree, self._large[fan_out]
        assert tree is not None
        with Beside(run.held(name), upload, unpack, tree, large, self._senders, progress.more_beside, cancel) as beside:
            self._pump(name, progress, upload.send, fan_out)
            upload.finish()
            note = beside.finish()
        run.emit(Note(server=name, text=note))
        if beside.arrived:
            progress.beside(beside.bytes, len(large))
            return
        progress.beside(0, 0)
        alone = self._stream_of([file.path for file in large], beside.bytes, [name], beside=False)
        self._upload(name, alone, alone.unpack(cancel), progress, cancel)

    def _refuse_what_does_not_fit(self, state: ServerState, change: Difference, *, wipe: bool) -> None:
        """DiskFull where a cache that the plan did not know needs more than there is; `wipe`: it is emptied first."""
        assert self._tree is not None
        shared = self._run.fleet.project.deploy.copy_mode == "hardlink"
        if wipe and not shared:
            state = emptied(state)
        manifest = self._tree.manifest
        reason = lacking(state, of_upload(state, manifest, change), of_release(state, manifest, shared=shared))
        if reason:
            hint = "free space there or prune releases, then deploy again: what arrived is not sent again"
            raise DiskFull("not enough space on a server", detail=reason, hint=hint, server=state.server)

    def _apply(self, name: str, patches: Patches, cancel: Cancel) -> None:
        """Have a server make files from the patches that it got; those that it cannot make are sent whole."""
        run, tree, held = self._run, self._tree, self._run.held(name)
        assert tree is not None
        failed = set(held.patch(cancel))
        again = []
        for number, patch in enumerate(patches.made):
            path = show_path(patch.path)
            if number in failed:
                again.append(patch.path)
                run.warn(f"{path} could not be made from a patch: it is sent whole", name)
            else:
                text = f"{path}: {size(patch.entry.size)} made from {size(patch.sent)} that were sent"
                run.emit(Note(server=name, text=text))
        if not again:
            return
        sizes = sum(tree.manifest.entries[path].size for path in again)
        fan_out = self._stream_of(again, sizes, [name])
        progress = Progress(run, name, sizes, len(again))
        self._upload(name, fan_out, fan_out.unpack(cancel), progress, cancel)
        self._count(progress)

    def _pump(self, name: str, progress: Progress, send: Callable[[bytes], None], fan_out: FanOut) -> None:
        """Hand all chunks to one server."""
        for chunk in fan_out.chunks(name):
            send(chunk.raw)
            progress.add(chunk.content, chunk.files)

    def _fan_out(self, change: Difference, names: list[str], old: Manifest, *, whole: bool) -> FanOut:
        """The stream for servers that need the same change; `whole`: with the whole manifest instead of its changes.

        old   what they have
        """
        tree = self._tree
        assert tree is not None
        states = [self._states[name] for name in names]
        has = common_features(states)
        small = len(change.gone) + len(change.added) < len(tree.manifest.entries)
        tail = manifest_files(tree.manifest, change if not whole and {"comm", "sha256sum"} <= has and small else None)
        patching = None
        if paths := patchable(has, old, change, tree.manifest):
            from core.operations.patching import Patching  # few changes are in large files

            target = self._run.fleet.environment.name
            patching = Patching(self._run.fleet.project, target, tree, change, old, states, paths)
        fan_out = self._stream_of(change.send, change.bytes, names, tail, patching)
        self._patching[fan_out] = patching
        return fan_out

    def _stream_of(
        self,
        paths: Sequence[bytes],
        content: int,
        names: list[str],
        tail: Sequence[tuple[bytes, bytes]] = (),
        patching: Patching | None = None,
        *,
        beside: bool = True,
    ) -> FanOut:
        """The stream of these paths, which have so many bytes of content; `patching` may leave some of them out, and
        with `beside` those are left out that travel in pieces.
        """
        tree = self._tree
        assert tree is not None
        rtt = max(self._run.session(name).rtt for name in names)
        has = common_features(self._states[name] for name in names)
        whole = Stream(tree, paths, content, has, rtt, self._senders, tail, patching, beside)
        fan_out = FanOut(whole.chunks, names, whole.packing, rtt)
        self._large[fan_out] = whole.large
        return fan_out


def _fetching(
    run: Run,
    prepared: Prepared,
    states: Mapping[str, ServerState],
    patches_pay: Callable[[Sequence[str], Cancel], bool],
) -> Fetching | None:
    """What the servers of the plan fetch from the store; None where none does."""
    if not any(step.stored for step in prepared.plan.steps):
        return None
    from core.operations.stored import Fetching  # few projects have a store

    return Fetching(run, prepared, states, patches_pay)


def readable_for(group: str, manifest: Manifest) -> None:
    """SourceError where a group shares the deploy root and may not read everything: its others could not deploy."""
    closed = [path for path, entry in manifest.entries.items() if entry.closed & 0o050] if group else []
    if closed:
        raise SourceError(
            f"private in the source, so not readable for the group {group}, which shares the deploy root",
            detail=some_lines(sorted(closed), 5, show_path),
            hint="chmod g+rX them in the source, or leave `group` out; nothing was sent",
        )
