"""The operator's end of the agent: starts it, sends requests, reads answers; one round trip a request."""

from __future__ import annotations

import math
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import TypedDict, Unpack

import paramiko

from core.errors import Cancelled, ConnectError
from core.jobs import Cancel
from core.ownership import Ownership
from core.protocol.answers import Answer, Status
from core.records import SILENT_AFTER
from core.remote import launch
from core.remote.connection import Connection, start
from core.remote.transport import BROKEN
from core.text import clean_lines, escaped, shell_word

BEAT = 5.0
"""Seconds between beats while an answer is awaited."""
ANSWER_LIMIT = 64 << 20
"""Bytes of one answer; a longer one is refused."""
LINE = 32
"""Bytes that a line counts in addition to its own: many empty lines are not a small answer either."""
_STATUS_WITHIN = 2.0
"""Seconds for the exit status once the output has ended."""
_HEARD_AT_ONCE = 65536
"""Bytes of standard error that are taken in at a time."""
GREETING_LIMIT = 4 << 20
"""Characters that start-up files may print before the agent is ready."""


TICK = 0.01
"""Seconds in which Linux counts processor time (proc(5): clock ticks)."""
Spent = Callable[[float, float], None]
"""Hears the processor seconds of a request on the server, and those of its sshd since the login."""
_NEWLINE = escaped("\n")


@lru_cache(2048)
def _encoded(line: str) -> str:
    """A line in a word: an operation hands the same ones to each of its servers."""
    return escaped(line)


class Waiting(TypedDict, total=False):
    """How an answer is awaited.

    cancel    ends the running request there when it is asked for
    within    seconds for all answers at most
    on_line   gets each line of the answer when it comes
    """

    cancel: Cancel | None
    within: float
    on_line: Callable[[str], None]


class Agent:
    """One running agent.

    spent          hears what each request took; None: it is not asked
    when_started   called once its program is on its way
    round_trips   those that were waited for since the start: opening the channel is one, each request is one
    rtt           seconds of the last `ping`, the shortest request there is; 0.0 before the first"""

    def __init__(
        self,
        connection: Connection,
        root: str,
        link: str = "",
        links: Sequence[str] = (),
        ownership: Ownership = launch.NOBODYS,
        spent: Spent | None = None,
    ) -> None:
        self._connection = connection
        self._spent = spent
        self._root = root
        self._ownership = ownership
        self._link, self._links = link, tuple(links)
        self._mark = secrets.token_hex(8)
        self._buffer = b""
        self._place = 0
        self._sent = 0
        self._sending = threading.Lock()
        self._listening = threading.Lock()
        self._unfinished = ""
        self._answers: deque[tuple[str, str]] = deque(maxlen=20)
        self._one_at_a_time = threading.Lock()
        self._heard = time.monotonic()
        self._until = math.inf
        self._channel: paramiko.Channel | None = None
        self._ready = False
        self._begun = False
        self.when_started: Callable[[], None] | None = None
        self.round_trips = 0
        self._first_answer = 0.0
        self.rtt = 0.0

    @property
    def started(self) -> bool:
        return self._channel is not None

    @property
    def alive(self) -> bool:
        return self._channel is not None and not self._channel.closed and self._connection.is_open

    def requests(self, batch: Sequence[tuple[str, Sequence[str | bytes]]], **how: Unpack[Waiting]) -> list[Answer]:
        """Send requests, which the agent carries out one after the other, and wait for their answers: one round trip.
        The first ones travel with the agent.

        Raises ConnectError where they did not come in that time, and where the connection or the agent is gone or
        silent for SILENT_AFTER seconds; Cancelled where `cancel` was asked for and the agent ended the last request for
        it.
        """
        cancel, on_line = how.get("cancel"), how.get("on_line")
        with self._one_at_a_time:
            first = self._channel is None
            self._begun = self._begun or any("begin" in (verb, *words[:1]) for verb, words in batch)
            lines = []
            numbers = []
            for verb, words in batch:
                self._sent += 1
                numbers.append(self._sent)
                lines.append(" ".join([str(self._sent), verb, *(shell_word(word) for word in words)]))
            text = "".join(f"{line}\n" for line in lines)
            began = time.monotonic()
            self._heard = began
            self._until = began + how.get("within", math.inf)
            if first:
                self._start(text)
                if self.when_started:
                    self.when_started()
            else:
                self._send(text.encode("ascii"))
            self.round_trips += 1
            stop = cancel.on_request(partial(self._ask_to_stop, numbers[-1])) if cancel else None
            try:
                if first:
                    self._await_ready()
                answers = [self._await(numbers[0], on_line)]
                self._first_answer = time.monotonic()
                answers += [self._await(number, on_line) for number in numbers[1:]]
            finally:
                if stop:
                    stop()
            if batch[0][0] == "ping" and not first:
                self.rtt = self._first_answer - began
            if cancel and cancel.requested and answers[-1].status == Status.CANCELLED:
                raise Cancelled("cancelled by the operator")
            return answers

    def sign_of_life(self, events: str = "") -> None:
        """Tell the agent that the operator is there, and what happened, for those who watch; nothing is awaited.

        events   lines of JSON for its stored events. Raises ConnectError where the connection is gone.
        """
        line = f"event '{_NEWLINE.join(map(_encoded, events.split(chr(10))))}'\n" if events else "beat\n"
        self._send(line.encode("ascii"))

    @property
    def heard(self) -> float:
        """When the last reply to a beat came in, by time.monotonic."""
        return self._heard

    def ask_for_beat(self) -> float:
        """Ask for a reply without waiting for it; when the last one came in, by time.monotonic.

        Says nothing where the agent is gone: then none comes.
        """
        self._said()
        with suppress(ConnectError):
            self.sign_of_life()
        return self._heard

    def tell(self, word: str, *words: str) -> None:
        """Hand the agent a line that it acts on before the next request; nothing is awaited. Raises ConnectError."""
        self._send(f"{' '.join([word, *map(shell_word, words)])}\n".encode("ascii"))

    def listen(self) -> list[tuple[str, str]]:
        """The answers that others left for the open question, each after its id, as replies to beats brought them.

        For an operation that waits for a person. Raises ConnectError where the agent is gone or silent.
        """
        self._said()
        assert self._channel is not None
        if self._channel.closed or self._channel.exit_status_ready():
            raise self._gone("the agent there was ended")
        self._not_silent()
        with self._listening:
            answers = list(self._answers)
            self._answers.clear()
        return answers

    def leave(self) -> None:
        """Tell the agent to leave. Where it holds a lock it cleans up and gives it back."""
        if self._channel is not None:
            self._channel.settimeout(1.0)
            with suppress(*BROKEN):
                self._channel.sendall(b"leave\n")
            self._channel.close()

    def _start(self, requests: str) -> None:
        # Nothing else is sent to the agent meanwhile: a line in the middle of its program would become a part of it.
        with self._sending:
            channel = self._connection.session()
            self._begin(channel, requests)
            self._channel = channel

    def _begin(self, channel: paramiko.Channel, requests: str) -> None:
        self.round_trips += 1
        channel.settimeout(BEAT)
        # OpenSSH opens the window of a session when its command runs: input would wait for one more round trip.
        begun = launch.agent(
            self._root,
            self._mark,
            requests,
            waits=channel.out_window_size == 0,
            link=self._link,
            links=self._links,
            ownership=self._ownership,
            profile=self._spent is not None,
        )
        try:
            start(channel, begun.command)
            channel.sendall(begun.text.encode("utf-8", "surrogateescape"))
        except BROKEN as error:
            # Where it has ended already, what it printed says why: that is read next.
            if not self._connection.is_open or not (channel.closed or channel.exit_status_ready()):
                raise self._gone(str(error)) from None

    def _ask_to_stop(self, number: int) -> None:
        """Have the agent end this request. Nothing where another one was made since: a cancel that tells many servers
        may come to this one late, and what is put back by then must not be ended."""
        try:
            with self._sending:
                if self._channel is not None and self._sent == number:
                    self._put(self._channel, b"cancel\n")
        except ConnectError:
            return  # the thread that waits for the answer reports it

    def _send(self, raw: bytes) -> None:
        with self._sending:
            if self._channel is None:
                raise ConnectError("not connected", server=self._connection.server.name)
            self._put(self._channel, raw)

    def _put(self, channel: paramiko.Channel, raw: bytes) -> None:
        try:
            channel.sendall(raw)
        except BROKEN as error:
            raise self._gone(str(error)) from None

    def _await_ready(self) -> None:
        """Skip what start-up files print, up to the agent's own first line."""
        ready = re.compile(rf"{self._mark} ready \d+")
        seen: deque[str] = deque(maxlen=5)
        total = 0
        while True:
            line = self._line(seen)
            if ready.fullmatch(line):
                self._ready = True
                return
            seen.append(line[:1000])
            total += len(line) + LINE
            if total > GREETING_LIMIT:
                raise self._gone(
                    f"the login shell printed more than {GREETING_LIMIT >> 20} MB without starting the agent"
                )

    def _await(self, number: int, on_line: Callable[[str], None] | None) -> Answer:
        end = re.compile(rf"{self._mark} ([0-9]{{1,9}}) ([0-9]{{1,3}})")
        lines: list[str] = []
        total = 0
        while True:
            line = self._line(lines)
            match = end.fullmatch(line)
            if match and int(match[1]) == number:
                return Answer(tuple(lines), int(match[2]))
            if self._spent and (cost := re.fullmatch(rf"{self._mark} spent ([0-9]{{1,9}}) ([0-9]{{1,9}})", line)):
                self._spent(int(cost[1]) * TICK, int(cost[2]) * TICK)
                continue
            # The agent answers for a request that was killed, which may have answered itself.
            if line and not match:
                lines.append(line)
                if on_line:
                    on_line(line)
            total += len(line) + LINE
            if total > ANSWER_LIMIT:
                raise self._gone(f"an answer of more than {ANSWER_LIMIT >> 20} MB")

    def _line(self, before: Collection[str]) -> str:
        """The next line of the agent's output."""
        assert self._channel is not None
        parts: list[bytes] = []
        length = 0
        while True:
            end = self._buffer.find(b"\n", self._place)
            if end >= 0:
                parts.append(self._buffer[self._place : end])
                self._place = end + 1
                return b"".join(parts).decode("utf-8", "surrogateescape")
            parts.append(self._buffer[self._place :])
            length += len(parts[-1])
            self._buffer, self._place = b"", 0
            if length > ANSWER_LIMIT:
                raise self._gone("a line without end")
            try:
                chunk = self._channel.recv(1 << 16)
            except TimeoutError:
                self._still_there()
                continue
            except BROKEN as error:
                raise self._gone(str(error)) from None
            if time.monotonic() > self._until:
                raise self._gone("the agent is running, but its answer does not end; a disk there may be hung")
            if not chunk:
                said = clean_lines("\n".join([*list(before)[-5:], self._said()])).strip()
                if not self._channel.eof_received and not self._connection.is_open:
                    said = ""  # what it printed before is not why
                raise self._gone(said or "the connection was closed") if self._ready else self._no_shell(said)
            self._heard = time.monotonic()
            self._buffer = chunk

    def _still_there(self) -> None:
        """Nothing came for a while: ask for a heartbeat; after SILENT_AFTER seconds without one it is gone."""
        self._said()
        # What it has started may hold its output open for as long as it likes.
        assert self._channel is not None
        if self._channel.exit_status_ready():
            raise self._gone("the agent there was ended")
        if time.monotonic() > self._until:
            raise self._gone("the agent is running but not answering; a disk or network mount there may be hung")
        self._not_silent()
        self._send(b"beat\n")

    def _not_silent(self) -> None:
        silent = time.monotonic() - self._heard
        if silent > SILENT_AFTER:
            raise self.silent(f"no heartbeat for {silent:.0f} s")

    def silent(self, detail: str) -> ConnectError:
        """The error where the server is silent: what asks it next does so over a new connection."""
        self._connection.give_up()
        return self._gone(detail)

    def _said(self) -> str:
        """What came on standard error since the last look; of it, replies to beats are taken in."""
        with self._listening:
            raw = b""
            channel = self._channel
            while channel is not None and channel.recv_stderr_ready() and len(raw) < _HEARD_AT_ONCE:
                chunk = channel.recv_stderr(4096)
                if not chunk:
                    break
                raw += chunk
            lines = (self._unfinished + raw.decode("utf-8", "backslashreplace")).split("\n")
            self._unfinished = lines[-1][-_HEARD_AT_ONCE:]
            return "\n".join([line for line in lines[:-1] if not self._takes(line)] + lines[-1:])

    def _takes(self, line: str) -> bool:
        """Take a reply to a beat in. Other output is none: a server could send it for ever to be waited for."""
        if line == "beat":
            self._heard = time.monotonic()
            return True
        word, _, rest = line.partition(" ")
        question, _, text = rest.partition(" ")
        if word == "answer":
            self._answers.append((question, text))
        return word == "answer"

    def _gone(self, detail: str) -> ConnectError:
        if self._channel is not None:
            self._channel.close()
        return ConnectError(
            "the connection to the server was lost",
            detail=clean_lines(detail),
            hint="the agent there cleans up and unlocks by itself; refresh and check what is live"
            if self._begun
            else "no lock was taken there; try again",
            server=self._connection.server.name,
        )

    def _no_shell(self, said: str) -> ConnectError:
        """The login shell ended before it ran the agent: nologin, a forced command, a shell that is restricted."""
        channel = self._channel
        assert channel is not None
        if not self._connection.is_open:
            return self._gone(said or "the connection was closed")
        # OpenSSH sends the status right after the end of the output; another server may not send one.
        channel.status_event.wait(_STATUS_WITHIN)
        status = channel.exit_status if channel.exit_status_ready() else -1
        channel.close()
        ended = f"it ended with status {status}" if status >= 0 else "its exit status is unknown"
        user = self._connection.login
        if account := self._ownership.become:
            from core.remote.sudo import refused  # few projects need it

            if why := refused(said, user, account):
                name = self._connection.server.name
                return ConnectError(why.title, detail=why.detail, hint=why.hint, server=name)
        return ConnectError(
            "the login shell ended before the agent could start",
            detail=f"{said}\n{ended}" if said else f"it printed nothing; {ended}",
            hint=f"give {user} a shell there that runs commands (chsh); look for ForceCommand in sshd_config, "
            "command= in authorized_keys, `exit` in its start-up files",
            server=self._connection.server.name,
        )
