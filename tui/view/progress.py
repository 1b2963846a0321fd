"""What an operation has done so far on each server, gathered from its events (no I/O, no clock of its own)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from core.changes import PlanChanges
from core.events import (
    PHASES,
    Answered,
    Asked,
    BatchStarted,
    CheckAttempted,
    Event,
    GoingBack,
    HookFinished,
    HookOutput,
    HookStarted,
    LeftOut,
    Note,
    OperationFinished,
    OperationStarted,
    Paused,
    PhaseFinished,
    PhaseStarted,
    PlanMade,
    Pruned,
    Reading,
    ServerFailed,
    Switched,
    UploadProgress,
)
from core.names import short_tag, short_tags_of
from core.plan import NONE, ROLLBACK, STAGE, SWITCH, UPLOAD
from core.protocol.asked import question_of
from core.questions import Question
from core.strategy import Batch
from core.text import first_line
from tui.view.lines import one_line
from tui.view.server_progress import BACK, RATE_SPAN, SPARKS, STALLED_AFTER, PhaseMark, ServerProgress

MOST_NOTES = 500
"""Warnings and errors that are kept; the Log tab has more of them."""
LAST_SAID = 40
"""Events whose words may stand below the servers; the Log tab has all."""

TOLD = (HookStarted, HookOutput, HookFinished, CheckAttempted, Switched, ServerFailed, Note, GoingBack)
"""Events that say more than the rows of the servers do."""


class Progress:
    """One operation, followed by its events."""

    def __init__(
        self,
        kind: str,
        environment: str,
        servers: Iterable[str],
        *,
        started: float,
        title: str = "",
        phases: tuple[str, ...] = ("connect", "begin", "finish"),
        by: str = "",
    ) -> None:
        self.kind = kind
        self.environment = environment
        self.tag = ""
        self.subject = ""
        self.started = started
        self.title = title or f"{kind.capitalize()} on {environment}"
        self.to_come = phases
        """The phases that it goes through where all goes well, as far as it has said."""
        self.by = by
        """Who runs it, if somebody else does."""
        self.fleet = ServerProgress("")
        self.servers = {name: ServerProgress(name) for name in servers}
        self.known: tuple[str, ...] = ()
        """The tags of the environment's releases, as far as whoever shows it knows them."""
        self._named: dict[str, str] = {}
        """By tag: how it is called, beside those of `_named_beside` and what the plan says was live on each server."""
        self._named_beside: tuple[str, str, tuple[str, ...]] = ("", "", ())
        self.live = ""
        """The environment's live tag before, as far as the plan says."""
        self.takes_back_rollback = False
        """Whether the plan says that it is an undo which takes back a rollback."""
        self.lived_before: tuple[float, float] | None = None
        """For how many seconds `live` had been live, and when that was so (seconds since the epoch), where it is known
        and only servers of this operation have it."""
        self.content = 0
        """Bytes of the release that becomes live; 0 where that is not known."""
        self.notes: list[Note] = []
        """Warnings and errors, the newest MOST_NOTES at least."""
        self.notes_dropped = 0
        """How many there were before these."""
        self.going_back: GoingBack | None = None
        self.sent_by_second: deque[tuple[int, int]] = deque(maxlen=SPARKS + 1)
        """Whole seconds of the epoch, and the bytes that had been sent to all servers at their end."""
        self.batches: tuple[Batch, ...] = ()
        """Of the plan, in order."""
        self.batch: BatchStarted | None = None
        """The one that is under way, or the last one."""
        self.paused: Paused | None = None
        """The pause after it, until the next one begins."""
        self.reading: tuple[str, ...] = ()
        """What is read now, before anything can change."""
        self.question: Question | None = None
        """What it asks now."""
        self.changes: PlanChanges | None = None
        """Commits and files beside what was live, where the plan is ours."""
        self.said: deque[Event] = deque(maxlen=LAST_SAID)
        """The last events that hooks, checks and troubles gave."""
        self.finished: OperationFinished | None = None
        self.cancelling = False

    def short(self, tag: str) -> str:
        """A tag as a person says it, different from that of every other release that is known here; "" for none."""
        if not tag:
            return ""
        others = (self.tag, self.live, self.known)
        if others != self._named_beside:
            self._named, self._named_beside = {}, others
        if tag not in self._named:
            said = short_tag(tag)
            befores = (server.before for server in self.servers.values())
            alike = [other for other in (tag, self.tag, self.live, *befores, *self.known) if other.endswith(said)]
            self._named[tag] = short_tags_of(alike)[tag]
        return self._named[tag]

    def of(self, server: str) -> ServerProgress:
        """The progress of a server, or of the fleet for ""."""
        if not server:
            return self.fleet
        if server not in self.servers:
            self.servers[server] = ServerProgress(server)
        return self.servers[server]

    def apply(self, event: Event) -> None:
        """Take one event in."""
        server = self.of(event.server)
        if isinstance(event, TOLD):
            self.said.append(event)
        match event:
            case OperationStarted():
                self.kind, self.environment = event.kind, event.environment
                self.tag, self.subject = event.tag or self.tag, one_line(event.subject) or self.subject
                self.title, self.to_come = one_line(event.title) or self.title, event.phases or self.to_come
                self._only(event.servers)
            case PlanMade():
                self.take_plan(event.plan)
            case PhaseStarted():
                phase = self._phase_of(event)
                server.phases[phase] = PhaseMark(event.time)
                server.phase = phase
            case PhaseFinished():
                phase = self._phase_of(event)
                mark = server.phases.setdefault(phase, PhaseMark(event.time - event.seconds))
                mark.seconds, mark.outcome = event.seconds, event.outcome
                if server.phase == phase:
                    server.phase, server.hook = "", ""
            case UploadProgress():
                self._upload(server, event)
            case HookStarted():
                server.hook, server.hook_since, server.said = one_line(first_line(event.run)), event.time, ""
                server.hook_on = one_line(event.on)
            case HookOutput():
                server.said = one_line(event.line) or server.said
            case HookFinished():
                server.hook = ""
            case Reading():
                self._read(one_line(event.what), over=event.over)
            case Asked():
                self.question = question_of(event.question)
            case Answered():
                self.question = None
            case CheckAttempted():
                server.check = event
                server.checks.append(event)
            case BatchStarted():
                self.batch, self.paused = event, None
            case Paused():
                self.paused = event
            case LeftOut():
                server.left_out, server.failed, server.hook = one_line(event.why), None, ""
            case Switched():
                server.tag, server.switched_back, server.switched_at = one_line(event.tag), event.back, event.time
            case Pruned():
                server.pruned += 1
                server.freed = None if event.freed is None or server.freed is None else server.freed + event.freed
            case ServerFailed():
                server.failed = server.failed or (None if server.left_out else event)
                server.hook = ""
            case GoingBack():
                self.going_back = self.going_back or event
            case Note():
                if event.level != "info":
                    self.notes.append(event)
                    if len(self.notes) >= 2 * MOST_NOTES:
                        del self.notes[:MOST_NOTES]
                        self.notes_dropped += MOST_NOTES
            case OperationFinished():
                self.finished, self.question = event, None
                self.tag = event.tag or self.tag

    def _read(self, what: str, *, over: bool) -> None:
        rest = tuple(other for other in self.reading if other != what)
        self.reading = rest if over else (*rest, what)

    def _phase_of(self, event: PhaseStarted | PhaseFinished) -> str:
        """The phase of an event; a switch on the way back is not the switch that it undoes."""
        return BACK if self.going_back and event.phase == "switch" else event.phase

    def _only(self, servers: Iterable[str]) -> None:
        """The servers that the operation works on: others of the environment have nothing to do with it."""
        named = {name: self.of(name) for name in servers}
        if named:
            self.servers = named | {name: server for name, server in self.servers.items() if server.phases}

    def take_plan(self, plan: Mapping[str, Any]) -> None:
        """Take in the plan that is carried out, as core.rows.plan gives it; of what somebody else's server says,
        only what is of its kind."""
        self.title = _text(plan.get("title")) or self.title
        self.tag = _text(plan.get("tag")) or self.tag
        self.live = _text(plan.get("live"))
        undoes = plan.get("undoes")
        self.takes_back_rollback = isinstance(undoes, dict) and undoes.get("kind") == ROLLBACK
        record = plan.get("record")
        if isinstance(record, dict):
            self.content = _number(record.get("bytes"))
            self.subject = self.subject or _text(record.get("subject"))
        batches, left_out = plan.get("batches"), plan.get("left_out")
        listed = batches if isinstance(batches, list) else ()
        self.batches = tuple(tuple(map(_text, batch)) for batch in listed if isinstance(batch, list))
        for name, why in left_out.items() if isinstance(left_out, dict) else ():
            if name in self.servers:
                self.servers[name].left_out = _text(why) or "failed"
        self._named.clear()
        steps = plan.get("steps")
        for step in steps if isinstance(steps, list) else ():
            name = step.get("server") if isinstance(step, dict) else None
            if isinstance(name, str) and name in self.servers:
                server = self.servers[name]
                server.planned, server.action = True, _text(step.get("action"))
                server.stays = step.get("stays") is True
                server.before, server.expected = _text(step.get("current")), _number(step.get("send_bytes"))

    def _upload(self, server: ServerProgress, event: UploadProgress) -> None:
        if event.sent > server.sent or not server.moved_at:
            quiet = event.time - server.moved_at if server.moved_at else 0.0
            server.stalled_for += quiet if quiet >= STALLED_AFTER else 0.0
            server.moved_at = event.time
        server.sent, server.total = event.sent, event.total
        server.files, server.files_total = event.files, event.files_total
        server.samples.append((event.time, event.sent))
        while len(server.samples) > 2 and event.time - server.samples[1][0] > RATE_SPAN:
            server.samples.popleft()
        if self.sent_by_second and self.sent_by_second[-1][0] == int(event.time):
            self.sent_by_second.pop()
        self.sent_by_second.append((int(event.time), self.sent))

    @property
    def sent(self) -> int:
        """Bytes that have left for all servers so far."""
        return sum(server.sent for server in self.servers.values())

    @property
    def to_send(self) -> int:
        """Bytes for all servers: what an upload has said, else what the plan says of it."""
        return sum(server.total or server.expected for server in self.servers.values())

    def rate(self, now: float) -> float:
        """Bytes a second to all servers over the last few seconds; 0 where nothing moves."""
        return sum(server.rate(now) for server in self.servers.values() if server.phase == "upload")

    @property
    def rates(self) -> list[int]:
        """Bytes in each of the last whole seconds of the upload, the oldest first; the running second is left out."""
        marks = list(self.sent_by_second)[:-1]
        sent = dict(marks)
        out = []
        for second in range(marks[0][0] + 1, marks[-1][0] + 1) if marks else ():
            sent.setdefault(second, sent[second - 1])
            out.append(sent[second] - sent[second - 1])
        return out[-SPARKS:]

    def seconds_left(self, now: float) -> float | None:
        """Seconds until all uploads are through at their present rates; None where one of them has none."""
        times = []
        for server in self.servers.values():
            if self.mark(server.name, "upload") is None and server.expected and server.action == UPLOAD:
                return None  # it has not begun
            if server.phase == "upload" and (not server.total or server.sent < server.total):
                left = server.seconds_left(now)
                if left is None or server.stalled(now):
                    return None
                times.append(left)
        return max(times) if times else None

    def part_in(self, phase: str) -> list[ServerProgress]:
        """The servers that go through a phase, as far as the plan says; else all."""
        without = {"upload": (NONE, STAGE, SWITCH), "stage": (NONE, SWITCH), "switch": (NONE,)}.get(phase, ())
        taking = [server for server in self.servers.values() if not server.left_out]
        return [server for server in taking if not server.planned or server.action not in without]

    @property
    def ready(self) -> list[ServerProgress]:
        """The servers on which all is done that comes before the switch."""
        return [server for server in self.servers.values() if self.is_ready(server)]

    def is_ready(self, server: ServerProgress) -> bool:
        """Whether all is done on a server that comes before the switch."""
        last = "stage" if server.action in (STAGE, UPLOAD) or not server.planned else "begin"
        mark = self.mark(server.name, last)
        return "barrier" in self.fleet.phases or (mark is not None and mark.outcome == "ok" and not server.failed)

    @property
    def switched(self) -> list[ServerProgress]:
        """The servers that were switched and are not back."""
        return [server for server in self.servers.values() if server.switched_at and not server.switched_back]

    @property
    def came_back(self) -> list[ServerProgress]:
        """The servers that were switched and are back."""
        return [server for server in self.servers.values() if server.switched_back]

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that this operation is made of, in order: those seen, and those that are to come."""
        seen = {phase for server in (self.fleet, *self.servers.values()) for phase in server.phases}
        coming = {phase for phase in self.to_come if self.part_in(phase) or not self.servers}
        wanted = seen if self.finished else seen | coming
        return tuple(phase for phase in PHASES if phase in wanted)

    def mark(self, server: str, phase: str) -> PhaseMark | None:
        """The state of a phase on a server; a phase of the whole fleet counts for each of its servers."""
        return self.of(server).phases.get(phase) or self.fleet.phases.get(phase)

    def running(self, server: str) -> str:
        """The phase that a server is in, or ""."""
        return self.of(server).phase or self.fleet.phase

    @property
    def lived(self) -> float:
        """Seconds for which `live` was live, until the last server was switched away from it (core.lives); 0.0 where
        that is not known, or a server has it still.
        """
        had = [server for server in self.servers.values() if server.before == self.live]
        if self.lived_before is None or any(not s.switched_at or s.tag == self.live for s in had):
            return 0.0
        seconds, at = self.lived_before
        # The journal's line is written when the phase begins.
        left = max((s.phases["switch"].started for s in had if "switch" in s.phases), default=at)
        return seconds + max(left - at, 0.0)

    def seconds(self, now: float) -> float:
        """How long the operation runs, or took."""
        return self.finished.seconds if self.finished else max(now - self.started, 0.0)

    @property
    def hook_moment(self) -> str:
        """The moment whose hooks run right now, on this machine or on a server: `after-switch`; "" where none does."""
        running = (server for server in (self.fleet, *self.servers.values()) if server.hook)
        return next((server.hook_on for server in running), "")


def _text(value: object) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
