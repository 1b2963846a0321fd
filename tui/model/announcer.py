"""Tells the terminal of operations that run, ask and end, for a person who looks at another window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.view import announcements as say
from tui.view.formats import short_tags
from tui.view.operation_lines import heading, state_words
from tui.view.progress import Progress

LONG_ENOUGH = 10.0
"""Seconds that an operation must have taken for its end to ring and to be shown on the desktop: a person who looked on
has seen the end of a shorter one."""

GOOD = ("done", "nothing-to-do")


class Announcer:
    """All on one thread. What has not changed is not written again.

    write   puts control sequences onto the terminal
    """

    def __init__(self, write: Callable[[str], object], terminal: say.Terminal) -> None:
        self._write = write
        self._terminal = terminal
        self._written: dict[str, str] = {}
        self._asked: set[str] = set()

    def running(self, operations: Sequence[Progress]) -> None:
        """The operations that run now: the title and the progress tell of the first one that asks, or of the first."""
        if not operations:
            return
        for operation in operations:
            self._question(operation)
        first = next((each for each in operations if each.question is not None), operations[0])
        share = _share(first)
        more = f", {len(operations) - 1} more" if len(operations) > 1 else ""
        stands = "asks:" if first.question else state_words(first)[0] if share is None else f"{share} %"
        self._title(f"{stands} {heading(first)}{more}")
        if share is None:
            self._progress(say.UNMEASURED)
        else:
            self._progress(say.RUNNING, share)

    def ended(self, title: str, outcome: str, summary: str, seconds: float) -> None:
        """An operation has ended."""
        good = outcome in GOOD
        self._title(f"{outcome}: {title}")
        self._progress(say.NO_PROGRESS if good else say.FAILED, 0 if good else 100)
        if seconds >= LONG_ENOUGH:
            self._call(f"{title} {outcome}", summary)

    def leave(self, write: Callable[[str], object] | None = None) -> None:
        """Put everything back as it was: the program ends, or stops. `write`: where the usual way is closed already."""
        written, self._written = self._written, {}
        back = say.OLD_TITLE if "title" in written else ""
        if "progress" in written:
            back += self._terminal.progress(say.NO_PROGRESS)
        if back:
            (write or self._write)(back)

    def _question(self, operation: Progress) -> None:
        """Call a person for each question once: it may wait for hours, or have a deadline."""
        question = operation.question
        if question is not None and question.id not in self._asked:
            self._asked.add(question.id)
            self._call(f"{heading(operation)} asks", short_tags(question.text))

    def _call(self, title: str, text: str) -> None:
        if say.BELL in self._terminal.ways:
            self._write("\a")
        if say.DESKTOP in self._terminal.ways:
            self._write(self._terminal.desktop(title, text))

    def _title(self, text: str) -> None:
        if say.TITLE in self._terminal.ways:
            if "title" not in self._written:
                self._write(say.KEEP_TITLE)
            self._once("title", say.title(text))

    def _progress(self, state: int, percent: int = 0) -> None:
        if say.PROGRESS in self._terminal.ways:
            self._once("progress", self._terminal.progress(state, percent))

    def _once(self, what: str, sequence: str) -> None:
        if self._written.get(what) != sequence:
            self._written[what] = sequence
            self._write(sequence)


def _share(progress: Progress) -> int | None:
    """Percent of all bytes while servers upload; None where nothing is measured."""
    uploading = any(server.phase == "upload" for server in progress.servers.values())
    total = progress.to_send
    return int(progress.sent * 100 / total) if uploading and total and not progress.going_back else None
