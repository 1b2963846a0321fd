"""The application's logs of the environment that is shown: followed while somebody looks, as lines of a viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from core.events import Event, Switched
from core.jobs import Job
from core.logs.heard import said_of_gaps
from core.logs.levels import judge
from core.logs.rates import Rate, Rates
from tui.view.line_store import LogLine
from tui.view.lines import unjoined
from tui.view.log_lines import LEVEL_ROLES

if TYPE_CHECKING:
    from core.config import LogSource
    from core.fleet import Fleet
    from core.logs.follow import Following
    from core.logs.heard import Standing

FIRST_LINES = 50
"""Lines of each file that are shown to begin with."""

MOST_LINES = 1_000
"""Lines that are taken at once, so that a flood of them holds up no key; the others are counted."""


class AppLogs:
    """Follows the logs of one fleet from `start` to `stop`. `sources` are those that it has."""

    def __init__(self, fleet: Fleet, now: Callable[[], float]) -> None:
        self.fleet = fleet
        self.sources: Sequence[LogSource] = fleet.project.logs_of(fleet.environment)
        self._now = now
        self._following: Following | None = None
        self._rates: dict[str, Rates] = {}
        self._many_files: set[str] = set()

    @property
    def runs(self) -> bool:
        """Whether they are being followed."""
        return self._following is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the logs."""
        return tuple(source.name for source in self.sources)

    def start(self) -> None:
        """Follow them, unless that is done or there are none."""
        if self._following is None and self.sources:
            from core.logs.follow import Following

            self._rates = {name: Rates(self._now()) for name in ("", *self.names)}
            self._following = Following(self.fleet, self.sources, lines=FIRST_LINES).start()

    def stop(self) -> None:
        """Follow them no longer; what ran on the servers ends."""
        following, self._following = self._following, None
        if following is not None:
            Job("stop logs", lambda emit, controls: following.stop()).start()  # it tells the servers

    def take(self) -> list[LogLine]:
        """The lines that came since the last time, and what was left out between them."""
        if self._following is None:
            return []

        taken = self._following.take(MOST_LINES)
        self._many_files = {name for (_, name), standing in self._following.standings.items() if standing.files > 1}
        now = self._now()
        lines = [LogLine(now, server, text, "warn") for server, text in said_of_gaps(taken)]
        for heard in taken.lines:
            judged = judge(heard.text)
            if heard.new:
                for name in ("", heard.source):
                    self._rates[name].count(heard.time, judged)
            file = f"{heard.file.rpartition('/')[2]}: " if heard.source in self._many_files else ""
            role = LEVEL_ROLES.get(judged.level, "")
            # When an old line was written is not known: it says so itself, if at all.
            time = heard.time if heard.new else 0.0
            lines.append(LogLine(time, heard.server, unjoined(f"{file}{heard.text}"), role, heard.source))
        return lines

    def switches(self, said: Iterable[Event]) -> list[LogLine]:
        """Marks for the switches among these events; rates are counted anew from there on."""
        lines = []
        for event in said:
            if isinstance(event, Switched):
                for rates in self._rates.values():
                    rates.switched(event.time)
                what = "switched back to" if event.back else "live now:"
                lines.append(LogLine(event.time, event.server, f"--- {what} {event.tag or 'nothing'} ---", "accent"))
        return lines

    def rate(self, name: str) -> Rate | None:
        """How many errors a log has in a second, "" for all of them; None while they are not followed."""
        rates = self._rates.get(name)
        return rates.rate(self._now()) if rates is not None and self.runs else None

    @property
    def standings(self) -> Mapping[tuple[str, str], Standing]:
        """By server and log: how it stands with it."""
        return self._following.standings if self._following is not None else {}
