"""One exception tree: what happened, where, what state things were left in, what to do next, and the exit code.

TurnoutError                 1  failed, and everything was put back
├── UsageError               2  a request that cannot be carried out as asked: unknown tag, server, environment
│   ├── ConfigError          2  every fault of a turnout.toml at once
│   └── CannotRun            2  this machine lacks what Turnout needs to begin
├── InternalError            1  a bug in Turnout; 2 where nothing had begun
├── SourceError              1  the tree could not be made: revision, export, build, refused files
├── StoreError               1  the store of trees cannot be used, or does not have what is wanted
├── ConnectError             3  no connection
│   ├── HostKeyUnknown       3  this key was not accepted yet
│   ├── HostKeyRefused       3  never accepted by Turnout
│   │   ├── HostKeyChanged   3  the key differs from the recorded one
│   │   └── HostKeyRevoked   3  known_hosts says that this key must not be trusted
│   ├── AuthenticationFailed 3  the server accepts none of the keys offered
│   └── NoChannel            3  the connection is there, and the server opens no more channels over it
├── LockedError              4  another operation is running on the server
├── NeedsPerson              5  nothing is guessed: a person has to decide
│   └── Astray               5  `current` is not where this operation left it
├── StateChanged             1  the server is no longer as the plan saw it
├── ServerError              1  a request failed on the server
│   ├── LockLost             1  this operation no longer holds the server's lock
│   ├── DiskFull             1
│   ├── HookFailed           1
│   ├── PortInUse            1
│   └── CheckFailed          1
├── Cancelled                1  the operator cancelled, or a person answered so
├── Unanswered               1  nobody answered a question of the operation in time
├── QuestionClosed           1  an answer came too late, or there is no such question
└── FleetError               the most serious code of the errors it holds, one a server
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from core.text import clean, ranges

DETAIL = 20_000
"""Characters of an error's detail that are shown."""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONNECT = 3
EXIT_LOCKED = 4
EXIT_PERSON = 5


class TurnoutError(Exception):
    """What went wrong, in four parts that every screen shows the same way.

    title   one line: what happened
    detail  the facts: output, numbers, paths; may have several lines
    hint    what to do next
    server, phase   where, when known
    """

    exit_code = EXIT_FAILED

    def __init__(self, title: str, *, detail: str = "", hint: str = "", server: str = "", phase: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint
        self.server = server
        self.phase = phase

    def at(self, *, server: str = "", phase: str = "") -> TurnoutError:
        """This error with its place filled in where it was not known before."""
        self.server = self.server or server
        self.phase = self.phase or phase
        return self

    @property
    def said(self) -> str:
        """What happened and the facts, as one text."""
        return f"{self.title}: {self.detail}" if self.detail else self.title

    @property
    def needs_person(self) -> bool:
        """Whether a person has to decide, somewhere."""
        return isinstance(self, NeedsPerson)

    def again(self) -> Self:
        """The same error for another server: `at` fills in its place."""
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__.update(self.__dict__)
        return copy

    def mask(self, mask: Callable[[str], str]) -> None:
        """Mask the secrets in all its parts; a text that is too long is truncated only after that."""
        self.title, self.detail, self.hint = mask(self.title), clean(mask(self.detail), DETAIL), mask(self.hint)
        self.args = (self.title,)

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.server, self.phase) if part)
        lines = [f"{place}: {self.title}" if place else self.title]
        lines += [f"  {line}" for line in self.detail.splitlines()]
        if self.hint:
            lines.append(f"  -> {self.hint}")
        return clean("\n".join(lines), DETAIL)


ALL_BACK, NONE_SWITCHED = "every server was switched back", "nothing was switched"
"""The hint of an error in the middle of an operation that has none of its own: how things are, not what to do."""


class UsageError(TurnoutError):
    """The request names something that does not exist or is not allowed; nothing was touched."""

    exit_code = EXIT_USAGE


class Fault(NamedTuple):
    """One fault of a configuration file."""

    file: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.file}: {self.key}: {self.message}" if self.key else f"{self.file}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class ConfigError(UsageError):
    """All faults of a configuration file at once."""

    def __init__(self, faults: list[Fault]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(
            f"the configuration has {count}",
            detail="\n".join(str(fault) for fault in faults),
            hint="`turnout config docs KEY` explains a key; nothing was touched",
        )
        self.faults = faults


class CannotRun(UsageError):
    """Turnout cannot begin on this machine: a package is missing, a folder is gone, there is no memory."""


class InternalError(TurnoutError):
    """A bug in Turnout: an unexpected error on one of the engine's threads."""


class SourceError(TurnoutError):
    """The tree could not be made; no server was touched."""


class StoreError(TurnoutError):
    """The store cannot be used, or does not have what is wanted."""


class StoreSilent(StoreError):
    """The store accepts connections, or some bytes, and then nothing happens: what comes next would wait, too."""


class ConnectError(TurnoutError):
    """There is no usable connection to the server."""

    exit_code = EXIT_CONNECT


class HostKeyUnknown(ConnectError):
    """The server's key is not in known_hosts. `host` is the name known_hosts uses, `key_line` its new line."""

    def __init__(
        self, title: str, *, host: str, key_type: str, fingerprint: str, key_line: str, server: str = ""
    ) -> None:
        super().__init__(
            title,
            detail=f"{host}: {key_type} key {fingerprint}",
            hint="compare the fingerprint with the server's own, then accept it: dashboard, or `turnout trust`",
            server=server,
            phase="connect",
        )
        self.host = host
        self.key_type = key_type
        self.fingerprint = fingerprint
        self.key_line = key_line


class HostKeyRefused(ConnectError):
    """The server shows a key that Turnout never accepts. `host` is the name known_hosts uses."""

    def __init__(
        self, title: str, *, detail: str = "", hint: str = "", host: str = "", key_type: str = "", fingerprint: str = ""
    ) -> None:
        super().__init__(title, detail=detail, hint=hint)
        self.host = host
        self.key_type = key_type
        self.fingerprint = fingerprint


class HostKeyChanged(HostKeyRefused):
    """The server shows another key than the recorded ones."""


class HostKeyRevoked(HostKeyRefused):
    """A line `@revoked` of known_hosts is about the key that the server shows."""


class AuthenticationFailed(ConnectError):
    """The server refused every key that was offered."""


class NoChannel(ConnectError):
    """The server refused one more channel over a connection that goes on."""


class LockedError(TurnoutError):
    """Another operation holds the server; the detail says who, since when and in which phase."""

    exit_code = EXIT_LOCKED


class NeedsPerson(TurnoutError):
    """A state that only a person can decide about."""

    exit_code = EXIT_PERSON


class Astray(NeedsPerson):
    """Somebody else, or a hook, changed what this operation was about to claim.

    target    the link's text now
    dangling  it is a dangling link
    """

    def __init__(self, target: str, *, dangling: bool = False, **parts: str) -> None:
        leads = f"current points to {clean(target, 200)}" if target else "there is no current now"
        gone = ", which does not exist any more" if dangling else " now" if target else ""
        super().__init__(f"{leads}{gone}: somebody changed it meanwhile", **parts)
        self.target = target
        self.dangling = dangling


class StateChanged(TurnoutError):
    """Between the plan and the lock somebody changed the server; nothing was touched."""


class ServerError(TurnoutError):
    """A request failed on a server."""


class NoRecord(ServerError):
    """A release was made by another tool: there is nothing to compare it with. That is no difference."""

    exit_code = EXIT_USAGE


class LockLost(ServerError):
    """This operation no longer holds the lock, or the deploy root is gone; nothing was changed there."""


class DiskFull(ServerError):
    """The server does not have enough free bytes or inodes; the detail has the numbers."""


class HookFailed(ServerError):
    """A hook or a task ended with a status other than 0, or took too long. `status`: its exit status, None for none."""

    def __init__(self, title: str, *, detail: str = "", hint: str = "", status: int | None = None) -> None:
        super().__init__(title, detail=detail, hint=hint)
        self.status = status


class PortInUse(ServerError):
    """Something listens at the port of a slot (blue/green), and does not stop."""


class CheckFailed(ServerError):
    """A check did not pass within its attempts."""


class Cancelled(TurnoutError):
    """The operator cancelled, or somebody answered a question of the operation so."""


class Unanswered(TurnoutError):
    """Nobody answered in time, and the default ended the operation."""


class QuestionClosed(TurnoutError):
    """An answer changed nothing: its question is closed, or is not there. The title says what happened."""


class FleetError(TurnoutError):
    """Errors of one or more servers; `errors` maps a server's name to what happened there.

    cancelled  none failed by itself: the operator cancelled
    """

    def __init__(self, errors: Mapping[str, TurnoutError], *, phase: str = "") -> None:
        self.errors = dict(errors)
        for name, error in self.errors.items():
            error.at(server=name, phase=phase)
        first = next(iter(self.errors.values()))
        self.cancelled = all(isinstance(error, Cancelled) for error in self.errors.values())
        alike = len(self.errors) == 1 or self.cancelled
        super().__init__(
            first.title if alike else f"{len(self.errors)} servers failed",
            detail=first.detail if alike else "\n".join(map(str, together(self.errors.values()))),
            hint=first.hint if alike else "",
            server=first.server if len(self.errors) == 1 else "",
            phase=phase or first.phase,
        )
        self.exit_code = max(error.exit_code for error in self.errors.values())

    @property
    def said(self) -> str:
        """What happened and the facts, as one text."""
        return f"{self.title}: {self.detail}" if self.detail else self.title

    @property
    def needs_person(self) -> bool:
        return any(error.needs_person for error in self.errors.values())

    def mask(self, mask: Callable[[str], str]) -> None:
        super().mask(mask)
        for error in self.errors.values():
            error.mask(mask)


_ADDRESS = re.compile(r"[^\s`']+@[^\s`',:]+(?::\d+)?|[\w.-]+:\d+\b")
"""What differs between the words for two servers that cannot be reached."""


def together(errors: Iterable[TurnoutError]) -> list[TurnoutError]:
    """Errors of servers in their order; those that say the same are one, which names all of these servers."""
    alike: dict[object, list[TurnoutError]] = {}
    for error in errors:
        texts = [error.title, error.detail, error.hint]
        if isinstance(error, ConnectError):
            texts = [_ADDRESS.sub("", text) for text in texts]
        key = (type(error), error.phase, error.exit_code, *texts) if error.server else id(error)
        alike.setdefault(key, []).append(error)
    return [_joined(group) for group in alike.values()]


def _joined(group: Sequence[TurnoutError]) -> TurnoutError:
    first = group[0]
    if len(group) == 1:
        return first
    joined = first.again()
    joined.server = ranges(error.server for error in group)
    if any((error.title, error.detail, error.hint) != (first.title, first.detail, first.hint) for error in group):
        others = "the other server" if len(group) == 2 else f"the other {len(group) - 1} servers"
        joined.detail = "\n".join(part for part in (first.detail, f"{others}: the same, with another address") if part)
    return joined


def outcome_of(error: TurnoutError) -> str:
    """How an operation ended that ended with this error: `cancelled`, `needs-person` or `failed`."""
    if isinstance(error, Cancelled) or (isinstance(error, FleetError) and error.cancelled):
        return "cancelled"
    return "needs-person" if error.needs_person else "failed"


def about_the_server(error: TurnoutError) -> bool:
    """Whether an error says that one server cannot do it: not where others work there, or a person has to decide."""
    return not isinstance(error, (Cancelled, LockedError, NeedsPerson, StateChanged, InternalError))
