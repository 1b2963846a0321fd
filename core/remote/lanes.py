"""Several connections for one upload over a long way: large files travel in pieces, beside the stream of all others.

One channel carries about 2 MB a round trip. Each lane is a channel of its own, the first one over the connection that
is there, each other one over a connection of its own. Whichever has time takes the next piece, so a slow one takes
few, and what it still has in the end another one sends too. What a lane that breaks had under way goes to the others.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from msgspec import Struct, field

from core.errors import Cancelled, ConnectError, DiskFull, LockLost, ServerError, SourceError, TurnoutError
from core.jobs import fault
from core.ownership import Ownership
from core.remote import launch
from core.remote.connection import Connection
from core.remote.transport import BROKEN
from core.remote.upload import Upload
from core.remote.wire import STALL
from core.tar.writer import CHUNK, changed
from core.text import clean, escaped, read_word, touch_time

BLOCK = 64 << 10
"""Bytes of a block of lane.sh."""
PIECE = 64 * BLOCK
"""Bytes of a piece: a lane that is lost has this much to send again, or twice."""
SLOW = 3.0
"""Seconds for a piece, beside four times what one usually takes, after which an idle lane sends it too."""
_LOOK = 0.1
"""Seconds between two looks whether there is something to send, while answers are awaited."""
_FATAL = (LockLost, DiskFull, SourceError, Cancelled)
"""What ends the upload. Any other error costs its lane only."""


class LargeFile(NamedTuple):
    """A file that travels in pieces: its path in the tree, its mode, and its time in seconds since the epoch."""

    path: bytes
    size: int
    mode: int
    when: int


class Piece(NamedTuple):
    """`size` bytes of a file, from the byte `start` on, which is the beginning of a block."""

    file: LargeFile
    start: int
    size: int


def pieces(files: Sequence[LargeFile]) -> Iterator[Piece]:
    """All of these files."""
    for file in files:
        for start in range(0, file.size, PIECE):
            yield Piece(file, start, min(PIECE, file.size - start))


class Target(Struct, frozen=True):
    """Where the pieces go: as `Upload.begin`, and `squeeze`, which packs a piece as `unpack` unpacks it."""

    root: str
    token: str
    unpack: str
    ownership: Ownership
    squeeze: Callable[[bytes], bytes] | None = None


class _Given(Struct):
    """A piece under way on a lane: since when, in seconds of time.monotonic, and its digest once it has been sent."""

    piece: Piece
    since: float
    digest: str = ""


class Lane(Upload):
    """One server's end of a lane. given: its pieces under way, in their order; thread: the one that works with it."""

    def __init__(self, connection: Connection, target: Target) -> None:
        super().__init__(connection, target.ownership)
        self._heard = b""
        self.given: deque[_Given] = deque()
        self.thread = threading.current_thread()
        self._squeeze = target.squeeze
        head = "".join(f"{line}\n" for line in (escaped(target.root), target.token, target.unpack))
        self.send(f"{self._program}{head}".encode("ascii"))

    def _started(self, ownership: Ownership) -> launch.Start:
        return launch.lane(ownership)

    def wait_ready(self) -> None:
        """Raises what its program means, where it cannot take pieces."""
        if not self.wait_made():
            raise self._ended("") or self._lost("it ended too early")
        self._channel.settimeout(STALL)

    def give(self, given: _Given, file: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        """Send a piece; its answer comes later."""
        piece = given.piece
        file.seek(piece.start)
        blocks = -(-piece.size // BLOCK)
        head = f"piece {piece.start // BLOCK} {{}} {blocks} {read_word(piece.file.path)}\n"
        digest = hashlib.sha256()
        if self._squeeze is not None:
            content = b"".join(_read(file, piece))
            digest.update(content)
            given.digest = digest.hexdigest()
            packed = self._squeeze(content)
            self.send(head.format(len(packed)).encode("ascii"))
            self.send(packed)
            on_bytes(piece.size)
            return
        self.send(head.format(piece.size).encode("ascii"))
        for content in _read(file, piece):
            digest.update(content)
            self.send(content)
            on_bytes(len(content))
        given.digest = digest.hexdigest()

    def answers(self, seconds: float) -> Iterator[str]:
        """The lines that are there, or that come within so many seconds. Raises what its program's end means."""
        self._channel.settimeout(max(seconds, 0.001))
        try:
            while seconds or self._channel.recv_ready() or self._channel.closed:
                raw = self._channel.recv(1 << 14)
                if not raw:
                    raise self._ended("") or self._lost("it ended too early")
                lines = (self._heard + raw).split(b"\n")
                self._heard = lines.pop()[-1000:]
                yield from (line.decode("ascii", "replace") for line in lines)
                seconds = 0.0
        except TimeoutError:
            return
        except BROKEN as error:
            raise self._lost(str(error)) from None
        finally:
            self._channel.settimeout(STALL)

    def seal(self, file: LargeFile) -> None:
        """Give a file its mode and time, once all of it is there."""
        line = f"seal {file.mode:o} {touch_time(file.when)} {file.size} {read_word(file.path)}\n"
        self.send(line.encode("ascii"))
        until = time.monotonic() + STALL
        while time.monotonic() < until:
            if "sealed" in self.answers(_LOOK):
                return
        raise self._lost(f"no answer for {STALL:.0f} s")


def _read(file: BinaryIO, piece: Piece) -> Iterator[bytes]:
    left = piece.size
    while left:
        content = file.read(min(left, CHUNK))
        if not content:
            raise changed(piece.file.path)
        left -= len(content)
        yield content


class _Course(Struct):
    """How far all of it is; changed only by who holds `changed`.

    todo    pieces that no lane has        left   those that are not there yet, with those under way
    lanes   that work                      took   seconds of the pieces that have arrived
    """

    todo: deque[Piece]
    left: set[Piece]
    changed: threading.Condition = field(default_factory=threading.Condition)
    lanes: list[Lane] = field(default_factory=list)
    starting: int = 0
    took: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    error: TurnoutError | None = None
    closed: bool = False

    @property
    def over(self) -> bool:
        return self.closed or self.error is not None or not self.left


class Lanes:
    """Sends large files in pieces over several connections at once. `begin` does not wait, `finish` does.

    If this process dies here, the lanes' programs end with their input, and the deploy-cache is compared next time.

    connections  what gives each lane its connection; the first one is open
    opener       opens a file of the tree
    on_bytes     gets how many bytes more have been sent, of file content; less than none for what is sent again
    trouble      why connections were not used, a line each
    """

    def __init__(
        self,
        upload: Upload,
        connections: Sequence[Connection],
        target: Target,
        files: Sequence[LargeFile],
        opener: Callable[[bytes], BinaryIO],
        on_bytes: Callable[[int], None],
    ) -> None:
        self._upload = upload
        self._connections = connections
        self._target = target
        self._files = files
        self._opener = opener
        self._on_bytes = on_bytes
        all_pieces = list(pieces(files))
        self._course = _Course(deque(all_pieces), set(all_pieces), starting=len(connections))
        self._made = threading.Event()
        self._usable = False
        self.trouble: list[str] = []
        self.used = 0

    def begin(self) -> None:
        """Open the lanes, and send as soon as the upload has made the files."""
        threading.Thread(target=self._wait_made, name="lanes", daemon=True).start()
        for number, connection in enumerate(self._connections):
            threading.Thread(target=self._run, args=(connection, number > 0), name="lane", daemon=True).start()

    def finish(self) -> bool:
        """Wait until all of it is there. False where no lane could carry it to its end: the files are to be sent again.

        Raises LockLost, DiskFull, SourceError.
        """
        course = self._course
        with course.changed:
            while not course.over and (course.starting or course.lanes):
                course.changed.wait(1.0)
            if course.error is not None:
                raise course.error
            if course.left or course.closed:
                return False
            lanes = sorted(course.lanes, key=lambda lane: len(lane.given))
        return any(self._sealed(lane) for lane in lanes)

    def _sealed(self, lane: Lane) -> bool:
        """Whether a lane has given all files their modes and times. What it sent too may still be answered before."""
        lane.thread.join(_LOOK * 5)  # which reads its answers, unless it still sends what nobody needs any more
        if lane.thread.is_alive():
            return False
        try:
            for file in self._files:
                lane.seal(file)
        except (ConnectError, ServerError) as error:
            if isinstance(error, _FATAL):
                raise
            self.trouble.append(error.said)
            return False
        return True

    def close(self) -> None:
        """End all lanes; what they had under way is given up."""
        course = self._course
        with course.changed:
            course.closed = True
            lanes = list(course.lanes)
            course.changed.notify_all()
        self._made.set()
        # Each takes a moment, or much longer where a server is silent, and nobody waits for it.
        for end in [*(lane.abort for lane in lanes), *(connection.close for connection in self._connections[1:])]:
            threading.Thread(target=end, name="lane ends", daemon=True).start()

    def _wait_made(self) -> None:
        self._usable = self._upload.wait_made()
        self._made.set()

    def _run(self, connection: Connection, own: bool) -> None:
        """One lane, from its login to its end."""
        course = self._course
        lane: Lane | None = None
        try:
            if own:
                connection.open()
            if course.over:
                return
            lane = Lane(connection, self._target)
            lane.wait_ready()
            self._made.wait()
            with course.changed:
                usable = self._usable and not course.over
                if usable:
                    course.lanes.append(lane)
                    self.used += 1
            if usable:
                self._work(lane)
            else:
                lane.give_up()
        except TurnoutError as error:
            self._failed(lane, error)
        except Exception as error:  # a fault of ours must reach the operator, not die on a thread
            self._failed(lane, fault(error))
        finally:
            with course.changed:
                course.starting -= 1
                if course.closed and own:
                    threading.Thread(target=connection.close, daemon=True).start()
                course.changed.notify_all()

    def _failed(self, lane: Lane | None, error: TurnoutError) -> None:
        """A lane is lost: the others take what it had under way."""
        course = self._course
        with course.changed:
            if lane is not None:
                for given in lane.given:
                    if given.piece in course.left:
                        course.todo.append(given.piece)
                        self._on_bytes(-given.piece.size if given.digest else 0)
                lane.given.clear()
                with suppress(ValueError):
                    course.lanes.remove(lane)
            if not course.closed:
                self.trouble.append(error.said)
                if isinstance(error, _FATAL) or not isinstance(error, ConnectError | ServerError):
                    course.error = course.error or error
        if lane is not None:
            lane.give_up()

    def _work(self, lane: Lane) -> None:
        opened: dict[bytes, BinaryIO] = {}
        try:
            while not self._course.over:
                given = self._next(lane)
                if given is not None:
                    path = given.piece.file.path
                    if path not in opened:
                        opened[path] = self._opener(path)
                    lane.give(given, opened[path], self._on_bytes)
                self._hear(lane, 0.0 if given is not None else _LOOK)
        finally:
            for file in opened.values():
                file.close()

    def _next(self, lane: Lane) -> _Given | None:
        """A piece that nobody has; where there is none, one that another lane has had for too long."""
        course = self._course
        now = time.monotonic()
        with course.changed:
            while course.todo and course.todo[0] not in course.left:
                course.todo.popleft()
            if course.todo:
                piece = course.todo.popleft()
            elif lane.given or (late := self._late(now)) is None:
                return None
            else:
                piece = late
                self._on_bytes(-piece.size)
            given = _Given(piece, now)
            lane.given.append(given)
            return given

    def _late(self, now: float) -> Piece | None:
        course = self._course
        patience = SLOW + 4 * (sum(course.took) / len(course.took) if course.took else 0.0)
        under_way = [given for lane in course.lanes for given in lane.given if given.piece in course.left]
        late = [given for given in under_way if now - given.since > patience]
        if not late:
            return None
        copies = [given.piece for given in under_way]
        return min(late, key=lambda given: (copies.count(given.piece), given.since)).piece

    def _hear(self, lane: Lane, seconds: float) -> None:
        """Take in a lane's answers, which come in the order of its pieces."""
        course = self._course
        for line in lane.answers(seconds):
            word, _, digest = line.partition(" ")
            with course.changed:
                given = lane.given[0] if lane.given else None
                if word != "piece" or given is None or digest != given.digest:
                    raise ServerError("what arrived is not what was sent", detail=clean(line, 200))
                lane.given.popleft()
                course.left.discard(given.piece)
                course.took.append(time.monotonic() - given.since)
                if not course.left:
                    course.changed.notify_all()
