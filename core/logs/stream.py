"""One channel to one server: all files that are followed there, or one command."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from core.errors import EXIT_CONNECT, ConnectError, NoChannel, TurnoutError
from core.jobs import fault
from core.logs.frames import CaughtUp, Data, Frame, Frames, Matching, Ready, Unreadable
from core.logs.heard import Heard, Standing
from core.logs.lines import LineReader
from core.pending import whole
from core.text import clean, either

if TYPE_CHECKING:
    import paramiko

    from core.config import LogSource, Server
    from core.fleet import Fleet

BEAT = 10.0
"""Seconds between two signs of life; without them the program on the server ends itself after 40 (watch.sh). It answers
each on standard error."""

SILENT_AFTER = 30.0
"""Seconds without an answer, and without a line, after which a server counts as silent."""

AGAIN = (2.0, 5.0, 10.0, 30.0)
"""Seconds until a server that could not be followed is tried again, the last ones for ever."""

TAKEN_BACK = 30.0
"""Seconds after which a channel is asked for again that an operation needed."""

WARM_UP = 1.0
"""Seconds in which what a command prints is taken for what was there before."""


class Hearer(Protocol):
    """What a stream reports to (core.logs.follow.Following)."""

    @property
    def stopped(self) -> threading.Event:
        """Set once it shall end."""

    @property
    def standings(self) -> Mapping[tuple[str, str], Standing]:
        """By server and source: how it stands with it."""

    def hear(self, lines: Sequence[Heard]) -> None:
        """Lines that came."""

    def skip(self, server: str, number: int) -> None:
        """Lines that the server left out."""

    def stand(self, server: str, source: str, standing: Standing) -> None:
        """How it stands with a source now."""

    def own(self, channel: paramiko.Channel) -> bool:
        """Take a channel in, which is closed with the rest; False where that has been done by now."""


class Stream:
    """Follows until it is stopped, and begins again where the server cannot be followed."""

    def __init__(
        self,
        following: Hearer,
        fleet: Fleet,
        server: Server,
        watched: Sequence[tuple[int, LogSource]],
        share: int,
        lines: int,
    ) -> None:
        self._following = following
        self._fleet = fleet
        self._server = server
        self._watched = dict(watched)
        self._share = share
        self._lines = lines
        self._mask = fleet.project.mask
        self._mark = ""
        self._current = ""
        self._new = False
        self._readers: dict[tuple[int, str], LineReader] = {}
        self._files: dict[int, int] = {}
        self._unreadable: set[int] = set()
        self._before: dict[str, Standing] = {}
        """How it stood with each source when the server fell silent; none while it answers."""

    def run(self) -> None:
        """Follow until it is stopped; on a thread of its own."""
        tries = 0
        stopped = self._following.stopped
        while not stopped.is_set():
            pause = AGAIN[min(tries, len(AGAIN) - 1)]
            began = time.monotonic()
            try:
                if self._follow():
                    return
            except NoChannel as error:
                self._fail(f"{error.title}: the operation needs all of them", TAKEN_BACK)
                pause = TAKEN_BACK
            except TurnoutError as error:
                error.mask(self._mask)
                self._fail(error.title, pause, unreachable=error.exit_code == EXIT_CONNECT)
            except BaseException as error:  # a fault of ours, whatever it is, must be seen
                self._fail(fault(error).title, pause)
            tries = 0 if time.monotonic() - began > 60 else tries + 1
            stopped.wait(pause)

    def _fail(self, text: str, pause: float, *, unreachable: bool = False) -> None:
        said = f"{clean(text, 300)}; next try in {pause:g} s"
        for source in self._watched.values():
            self._stand(source, Standing("failed", said, unreachable=unreachable))

    def _stand(self, source: LogSource, standing: Standing) -> None:
        self._following.stand(self._server.name, source.name, standing)

    def _silent(self, heard: float) -> None:
        """Nothing came since then, in seconds of the epoch: the lines that are missing would look like none."""
        if self._before:
            return
        standings = self._following.standings
        for source in self._watched.values():
            known = standings[self._server.name, source.name]
            if known.state != "failed":
                self._before[source.name] = known
                since = time.strftime("%H:%M:%S", time.localtime(heard))
                text = f"no answer since {since}; what is written there is missing here"
                self._stand(source, Standing("silent", text, unreachable=True))

    def _answers(self) -> None:
        """It answers, or does so again: then it stands as before."""
        for source in self._watched.values():
            if source.name in self._before:
                self._stand(source, self._before.pop(source.name))

    def _follow(self) -> bool:
        """Follow over a new channel until it ends; True where there is nothing more to come."""
        from core.remote import launch
        from core.remote.connection import start
        from core.remote.transport import BROKEN

        session = self._fleet.open(self._server.name)
        channel = session.connection.lend()
        self._mark, self._new, self._current = secrets.token_hex(8), False, session.current_path
        self._readers.clear()
        self._before.clear()
        self._unreadable.clear()
        if not self._following.own(channel):
            channel.close()
            return True
        command = next(iter(self._watched.values())).run
        if command is None:
            patterns = [(index, path) for index, source in self._watched.items() for path in source.file or ()]
            begun = launch.follow(self._mark, session.current_path, self._lines, self._share, patterns, session.account)
            hear: Callable[[bytes], bool] = _FileEar(self, self._mark).hear
        else:
            begun = launch.guarded(self._mark, session.root, session.current_path, whole(command), session.account)
            hear = _CommandEar(self, self._mark).hear
        try:
            channel.settimeout(BEAT)
            start(channel, begun.command)
            channel.sendall(begun.text.encode("utf-8", "surrogateescape"))
            ready = self._listen(channel, hear)
            if not self._following.stopped.is_set():
                channel.status_event.wait(BEAT)  # it comes after the output; a close of ours hides it
        except BROKEN as error:
            self._check(channel)
            raise ConnectError("the connection to the server was lost", detail=str(error)) from None
        except ValueError as error:
            raise ConnectError("unrecognised output of the log reader there", detail=str(error)) from None
        finally:
            channel.close()
        return self._end(channel, ready, command is not None)

    def _check(self, channel: paramiko.Channel) -> None:
        """A channel that was taken back for an operation is no broken connection."""
        connection = self._fleet.session(self._server.name).connection
        if not self._following.stopped.is_set() and connection.took_back(channel):
            raise NoChannel("an operation needed the channel", server=self._server.name)

    def _listen(self, channel: paramiko.Channel, hear: Callable[[bytes], bool]) -> bool:
        """Hand on what comes until the channel ends, at the pace of our share; whether the program ever began."""
        from core.remote.transport import BROKEN

        ready = False
        beat = second = heard = time.monotonic()
        taken = 0
        while not self._following.stopped.is_set():
            try:
                piece = channel.recv(1 << 16)
            except TimeoutError:
                piece = None
            if piece == b"":
                break
            now = time.monotonic()
            if _answered(channel) or piece:
                heard = now
                self._answers()
            elif now - heard >= SILENT_AFTER:
                self._silent(time.time() - (now - heard))
            if piece:
                ready = hear(piece) or ready
                taken += len(piece)
            if now - beat >= BEAT - 0.5:
                with suppress(*BROKEN):  # how the channel ended is read, not concluded from a beat that came too late
                    channel.sendall(b"\n")
                beat = now
            if now - second >= 1:
                second, taken = now, 0
            elif taken >= self._share:
                self._following.stopped.wait(1 - (now - second))
        return ready

    def _end(self, channel: paramiko.Channel, ready: bool, command: bool) -> bool:
        """The channel has ended: what that means."""
        if self._following.stopped.is_set():
            return True
        self._check_ended(channel)
        status = channel.exit_status
        if not ready:
            raise ConnectError("the server did not run the log reader")
        source = next(iter(self._watched.values()))
        if command and status == 0:
            self._stand(source, Standing("ended", "the command has ended"))
            return True
        how = f"ended with status {status}" if status >= 0 else "was ended"
        raise ConnectError(f"{'the command' if command else 'the log reader'} {how}")

    def _check_ended(self, channel: paramiko.Channel) -> None:
        if not channel.exit_status_ready():
            self._check(channel)

    # What the ears hear.

    def frame(self, frame: Frame) -> None:
        """One frame of the program that follows files."""
        match frame:
            case CaughtUp():
                self._new = True
                for index in self._watched:
                    self._stand_files(index)
            case Matching():
                self._files[frame.index] = frame.number
                if frame.number:
                    self._unreadable.discard(frame.index)
                if self._new and frame.index in self._watched:
                    self._stand_files(frame.index)
            case Unreadable():
                if frame.index in self._watched:
                    self._unreadable.add(frame.index)
                    text = f"{clean(frame.name, 200)} cannot be read by the login user"
                    self._stand(self._watched[frame.index], Standing("failed", text))
            case Data():
                if frame.index in self._watched:
                    self._data(frame)

    def _stand_files(self, index: int) -> None:
        """Say how many files there are; one that cannot be read has been said, and is not missing."""
        number = self._files.get(index, 0)
        if number:
            self._stand(self._watched[index], Standing("following", files=number))
        elif index not in self._unreadable:
            source = self._watched[index]
            self._stand(source, Standing("waiting", self._missing(source)))

    def _missing(self, source: LogSource) -> str:
        """Which file is waited for: `there is no /srv/shop/current/app.log yet`."""
        paths = [path if path.startswith("/") else f"{self._current}/{path}" for path in source.file or ()]
        return f"there is no {either([clean(self._mask(path), 300) for path in paths])} yet"

    def _data(self, data: Data) -> None:
        if data.skipped:
            self._following.skip(self._server.name, data.skipped)
        reader = self._readers.setdefault((data.index, data.name), LineReader())
        self.lines(self._watched[data.index], reader, data.text, file=clean(data.name, 300), cut=data.cut)

    def lines(self, source: LogSource, reader: LineReader, text: bytes, *, file: str = "", cut: bool = False) -> None:
        """Hand on the lines that are whole now."""
        now, server, new = time.time(), self._server.name, self._new
        heard = [
            Heard(now, server, source.name, line.shown(self._mask), file, new) for line in reader.take(text, cut=cut)
        ]
        if heard:
            self._following.hear(heard)

    def began(self) -> LogSource:
        """The command runs; what it prints from WARM_UP on is new."""
        source = next(iter(self._watched.values()))
        self._stand(source, Standing("following"))
        return source

    def is_new(self, new: bool) -> None:
        self._new = new


def _answered(channel: paramiko.Channel) -> bool:
    """Whether an answer to a sign of life has come."""
    came = False
    while channel.recv_stderr_ready():
        came = bool(channel.recv_stderr(1 << 10)) or came
        if not came:
            break
    return came


class _FileEar:
    """Reads the frames of a channel."""

    def __init__(self, stream: Stream, mark: str) -> None:
        self._stream = stream
        self._frames = Frames(mark)

    def hear(self, piece: bytes) -> bool:
        frames = self._frames.take(piece)
        for frame in frames:
            self._stream.frame(frame)
        return any(isinstance(frame, Ready) for frame in frames)


class _CommandEar:
    """Reads what a command prints behind the line `MARK PID`."""

    def __init__(self, stream: Stream, mark: str) -> None:
        self._stream = stream
        self._mark = f"{mark} ".encode()
        self._before = b""
        self._source: LogSource | None = None
        self._reader = LineReader()
        self._began = 0.0

    def hear(self, piece: bytes) -> bool:
        if self._source is None:
            self._before = (self._before + piece)[-(1 << 16) :]
            place = self._before.find(self._mark)
            _, newline, piece = self._before[max(place, 0) :].partition(b"\n")
            if place < 0 or not newline:
                return False
            self._source, self._began = self._stream.began(), time.monotonic()
        self._stream.is_new(time.monotonic() - self._began >= WARM_UP)
        self._stream.lines(self._source, self._reader, piece)
        return True
