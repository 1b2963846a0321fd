"""`turnout logs`: the application's logs from all servers, line by line as they come."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.errors import EXIT_CONNECT, EXIT_DONE, EXIT_FAILED, Cancelled, UsageError
from core.logs.follow import Following
from core.logs.heard import NOT_READ, Heard, Standing, Taken, said_of_gaps
from core.logs.levels import judge
from core.rows.commands import LogRow, log_gap_rows, log_state_row
from core.text import count
from core.version import FORMAT
from tui.cli.command import Answer, Command
from tui.cli.server_column import ServerColumn

if TYPE_CHECKING:
    from core.jobs import Controls

QUIET = 1.5
"""Seconds without a line after which, with --no-follow, a command has printed what it has."""

STOPPED: Answer = {"exit_code": EXIT_DONE, "outcome": "stopped", "summary": ""}

LEVEL_COLOURS = {"error": "31", "warning": "33", "debug": "2"}


def carry_out(command: Command) -> Answer:
    """0 when it is stopped or the logs have ended; 1 and 3 only with --no-follow, for what could not be read."""
    command.open()
    words = command.options.words
    sources = command.project.logs_of(command.fleet.environment, words.names)
    if not sources:
        raise UsageError(
            f"no log is configured for {command.environment_name}", hint="describe one in turnout.toml: [[logs]]"
        )
    printed = _Printed(command, [source.name for source in sources], _pattern(words.grep))
    following = Following(command.fleet, sources, lines=words.lines)

    def work(emit: object, controls: Controls) -> None:
        following.start()
        while not controls.cancel.requested and not command.output.reader_left:
            following.wait(0.2)
            printed.take(following.take(), following.standings)
            if printed.through(following.standings, follow=words.follow):
                return

    try:
        command.follower.run("logs", work, patient=False)
        standings = following.standings  # before the stop, which ends what still connects
    except Cancelled:
        return STOPPED
    finally:
        following.stop()
    return STOPPED if command.output.reader_left else _answer(standings, printed.lines)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    """The expression of --grep; capital letters count only where it has one."""
    if text is None:
        return None
    try:
        return re.compile(text, re.NOFLAG if text != text.lower() else re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"--grep {text!r} is not a regular expression: {error}") from None


def _answer(standings: Mapping[tuple[str, str], Standing], lines: int) -> Answer:
    failed = [(server, standing) for (server, _), standing in standings.items() if standing.state in NOT_READ]
    if not failed:
        return {"exit_code": EXIT_DONE, "outcome": "done", "summary": "" if lines else "no lines"}
    away = [server for server, standing in failed if standing.unreachable]
    servers = len({server for server, _ in failed})
    summary = f"{count(servers, 'server')} could not be read"
    return {"exit_code": EXIT_CONNECT if away else EXIT_FAILED, "outcome": "failed", "summary": summary}


def _row(heard: Heard) -> LogRow:
    return LogRow(
        event="log",
        format=FORMAT,
        time=heard.time,
        server=heard.server,
        log=heard.source,
        file=heard.file,
        line=heard.text,
        level=judge(heard.text).level,
        new=heard.new,
    )


class _Printed:
    """Prints what comes, and says what cannot be followed. `lines` counts what was printed."""

    def __init__(self, command: Command, sources: Sequence[str], pattern: re.Pattern[str] | None) -> None:
        self.lines = 0
        self._output = command.output
        self._servers = ServerColumn(command)
        self._source_cells = max(map(len, sources)) if len(sources) > 1 else 0
        self._pattern = pattern
        self._said: dict[tuple[str, str], Standing] = {}
        self._heard_at = time.monotonic()

    def take(self, taken: Taken, standings: Mapping[tuple[str, str], Standing]) -> None:
        """Print these lines, and what is new about how it stands."""
        for key, standing in standings.items():
            before = self._said.get(key)
            if before != standing:
                self._said[key] = standing
                self._stand(*key, standing, again=before is not None and before.state == "silent")
        gaps = said_of_gaps(taken)
        if gaps:
            said = [f"{server}: {text}" for server, text in gaps]
            self._output.print_log(said, log_gap_rows(gaps), aside=True)
        wanted = [line for line in taken.lines if self._pattern is None or self._pattern.search(line.text)]
        if taken.lines:
            self._heard_at = time.monotonic()
        if wanted:
            self.lines += len(wanted)
            rows = (_row(line) for line in wanted)
            self._output.print_log(map(self._shown, wanted), rows)

    def _stand(self, server: str, source: str, standing: Standing, *, again: bool) -> None:
        shown = standing.state in (*NOT_READ, "waiting", "ended")
        text = standing.text if shown else "answers again" if again else ""
        said = [f"{server} {source}: {text}"] if text else []
        self._output.print_log(said, [log_state_row(server, source, standing.state, standing.text)], aside=True)

    def _shown(self, line: Heard) -> str:
        source = f" {line.source:<{self._source_cells}}" if self._source_cells else ""
        text = line.text
        if self._servers.coloured:
            colour = LEVEL_COLOURS.get(judge(text).level)
            text = f"\x1b[{colour}m{text}\x1b[0m" if colour else text
            source = f"\x1b[2m{source}\x1b[0m"
        return f"{self._servers.name(line.server)}{source}  {text}"

    def through(self, standings: Mapping[tuple[str, str], Standing], *, follow: bool) -> bool:
        """Whether nothing more is to come, or nothing more is wanted."""
        if follow:
            return all(standing.state == "ended" for standing in standings.values())
        settled = all(standing.settled for standing in standings.values())
        return settled and time.monotonic() - self._heard_at >= QUIET
