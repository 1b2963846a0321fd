"""Uploads that begin while the tree is still read, into deploy-caches that are empty: there is nothing to compare.

They begin under the locks, and before there is a plan. What can refuse it without knowing the tree is looked at
before; where the tree is what refuses it, the caches are emptied again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from core import layout
from core.disk_space import HEADROOM
from core.errors import Cancelled, TurnoutError
from core.jobs import Ahead, Cancel
from core.operations.fan_out import FanOut
from core.operations.progress import Progress
from core.operations.run import Run
from core.operations.streams import PREFIX, is_long, packing_of
from core.plan import UPLOAD, Plan
from core.planner.freeze import frozen
from core.planner.release import refusal_before_tree
from core.records import Disk, ServerState, common_features
from core.recovery import interruption
from core.source.build import commands
from core.source.coming import Coming
from core.tar.writer import BLOCK, Chunk, stream_of_arrivals

_PART = 8
"""Of the free space, one in so many bytes is taken before the size of the tree is known; on a disk small files take
more than in a stream."""
FEW = 8
"""With more of them this machine is busy sending: to read the source beside that costs more than it saves."""

Rest = Callable[[set[bytes]], Iterator[Chunk]]
"""What comes behind all that was told of, to the end of the stream; gets the folders that were sent with that."""


class SentAhead:
    """The uploads of one operation that begin as soon as its source is read; one stream for all its servers.

    Each ends by `finish` once `go` has said what else belongs into it, or by `stop`. If the source tells nothing before
    the tree is made, none has begun.
    """

    def __init__(self, run: Run, coming: Coming, states: Mapping[str, ServerState], cancel: Cancel) -> None:
        self.coming = coming
        self._run = run
        self._rtt = max(run.session(name).rtt for name in states)
        self._has = common_features(states.values())
        self._room = min(map(_room, states.values()))
        self._lock = threading.Lock()
        self._decided = threading.Event()
        self._rest: Rest | None = None
        self._counted = dict.fromkeys(states, (0, 0))
        self._progress: dict[str, Progress] = {}
        self._cancels = {name: Cancel() for name in states}
        cancel.on_request(self._abort)
        self._fan_out = FanOut(self._chunks, states, lambda cancel: packing_of(coming, self._has, self._rtt), self._rtt)
        self._uploads = {name: Ahead(partial(self._send, name)) for name in states}

    @property
    def servers(self) -> tuple[str, ...]:
        """Those whose upload may have begun, and was neither finished nor stopped."""
        return tuple(self._uploads)

    def only(self, plan: Plan) -> None:
        """Stop the uploads that this plan does not go on with. The tree is made."""
        steps = plan.steps if self.coming.begun else ()
        wanted = {step.server for step in steps if step.action == UPLOAD and step.exact and not step.stored}
        self.stop([name for name in self.servers if name not in wanted])

    def go(self, rest: Rest) -> None:
        """Go on to the end of the stream."""
        self._rest = rest
        self._decided.set()

    def finish(self, name: str, progress: Progress, cancel: Cancel) -> bool:
        """Wait until all is in a server's deploy-cache; False where it is not, because it did not begin.

        Raises what went wrong there, or what `rest` raised.
        """
        with self._lock:
            progress.add(*self._counted[name])
            self._progress[name] = progress
        unlink = cancel.on_request(self._cancels[name].request)
        try:
            return self._uploads.pop(name).get()
        finally:
            unlink()

    def stop(self, names: Sequence[str] | None = None, *, clear: bool = True) -> None:
        """End the uploads to these servers, or all.

        clear   empty their deploy-caches again, where that is possible: else they are compared next time
        """
        names = self.servers if names is None else names
        stopped = [self._uploads.pop(name) for name in names]
        for name in names:
            self._cancels[name].request()
        if stopped and not self._uploads:
            self._abort()
            for upload in stopped:
                upload.wait()
        if clear and self.coming.begun:
            for name, error in self._run.on_all(lambda name: self._run.held(name).clear(), names).errors.items():
                self._run.warn(f"what had been sent stays in {layout.CACHE}: {error.title}", name)

    def _abort(self) -> None:
        """End all of it: a cancel reaches also who waits for the source, or for the plan."""
        for cancel in self._cancels.values():
            cancel.request()
        self.coming.end(Cancelled("cancelled by the operator"))
        self._decided.set()

    def _send(self, name: str) -> bool:
        """Send all of it; False where it did not begin."""
        run, cancel = self._run, self._cancels[name]
        held = run.held(name)
        with run.fleet.project.settings.measured("ahead", name):
            try:
                unpack = self._fan_out.unpack(cancel)  # waits until something has come
                if not self.coming.begun:
                    return False
                upload = held.upload()
                with upload.watch(cancel):
                    try:
                        upload.begin(held.root, held.token, unpack, (), wipe=False)
                        for chunk in self._fan_out.chunks(name):
                            upload.send(chunk.raw)
                            self._count(name, chunk)
                        cancel.check()  # what ends before `rest` is not whole
                        upload.finish()
                        return True
                    except TurnoutError:
                        upload.give_up()
                        raise
            finally:
                self._fan_out.leave(name)

    def _count(self, name: str, chunk: Chunk) -> None:
        with self._lock:
            content, files = self._counted[name]
            self._counted[name] = content + chunk.content, files + chunk.files
            progress = self._progress.get(name)
        if progress:
            progress.add(chunk.content, chunk.files)

    def _chunks(self) -> Iterator[Chunk]:
        folders: set[bytes] = set()
        left = self._room
        for chunk in stream_of_arrivals(self.coming, PREFIX, folders):
            yield chunk
            left -= len(chunk.raw)
            if left < 0:
                self._decided.wait()
        self._decided.wait()
        if self._rest:
            yield from self._rest(folders)


def _room(state: ServerState) -> float:
    """Bytes that may be sent to a server before it is known how many there will be."""
    disk = state.disks.get(layout.CACHE, Disk(0, state.free_bytes, state.free_inodes))
    bytes_free = disk.free_bytes - HEADROOM if disk.free_bytes >= 0 else float("inf")
    entries = disk.free_inodes * BLOCK if disk.free_inodes >= 0 else float("inf")
    return min(bytes_free, entries) / _PART


@contextmanager
def sending_ahead(
    run: Run, coming: Coming, tag: str, states: Mapping[str, ServerState], cancel: Cancel
) -> Iterator[SentAhead | None]:
    """The uploads that can begin now, while the block makes the plan; where that fails, they are taken back.

    tag   what the release will be called, as far as that was said
    """
    names = _servers(run, tag, states)
    if not names:
        yield None
        return
    ahead = SentAhead(run, coming, {name: states[name] for name in names}, cancel)
    try:
        yield ahead
    except BaseException as error:
        with suppress(TurnoutError):
            ahead.stop(clear=not isinstance(error, Cancelled))
        raise


def _servers(run: Run, tag: str, states: Mapping[str, ServerState]) -> list[str]:
    """Where an upload may begin: nothing that is known without the tree can refuse it."""
    project, environment = run.fleet.project, run.fleet.environment
    accounts = any(hook.account for hook in project.hooks) or any(check.account for check in project.checks)
    if (
        not project.source.has_revisions  # git alone tells what comes
        or commands(project)
        or accounts  # they are proved first
        or project.store
        or environment.slots
        or frozen(states.values(), environment.freezes, time.time())
        or interruption(states.values())
        or any(tag in state.releases for state in states.values())
    ):
        return []
    names = [
        name
        for name, state in states.items()
        if state.cache_empty
        and not is_long(run.session(name).rtt)
        and not refusal_before_tree(state, hard_links=project.deploy.copy_mode == "hardlink")
    ]
    return names if len(names) <= FEW else []
