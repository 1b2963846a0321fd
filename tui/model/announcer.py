"""Tells the terminal of operations that run and end, for a person who looks at another window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tui.model.operation import Followed
from tui.view import announcements as say
from tui.view.operation_lines import heading, state_words
from tui.view.progress import Progress

LONG_ENOUGH = 10.0
"""Seconds that an operation must have taken for its end to ring and to be shown on the desktop: a person who looked on
has seen the end of a shorter one."""

GOOD = ("done", "nothing-to-do")


class Announcer:
    """All on Textual's thread. What has not changed is not written again.

    write   puts control sequences onto the terminal
    """

    def __init__(self, write: Callable[[str], object], environ: Mapping[str, str]) -> None:
        self._write = write
        self._environ = environ
        self._ways = say.ways(environ)
        self._written: dict[str, str] = {}

    def running(self, operations: Sequence[Progress]) -> None:
        """The operations of ours that run now: the title and the progress tell of the first one."""
        if not operations:
            return
        first = operations[0]
        share = _share(first)
        more = f", {len(operations) - 1} more" if len(operations) > 1 else ""
        stands = state_words(first)[0] if share is None else f"{share} %"
        self._title(f"{stands} {heading(first)}{more}")
        if share is None:
            self._progress(say.UNMEASURED)
        else:
            self._progress(say.RUNNING, share)

    def ended(self, operation: Followed) -> None:
        """An operation of ours has ended."""
        good = operation.outcome in GOOD
        self._title(f"{operation.outcome}: {operation.title}")
        self._progress(say.NO_PROGRESS if good else say.FAILED, 0 if good else 100)
        finished = operation.progress.finished
        if finished is None or finished.seconds < LONG_ENOUGH:
            return
        if say.BELL in self._ways:
            self._write("\a")
        if say.DESKTOP in self._ways:
            self._write(say.desktop(f"{operation.title} {operation.outcome}", operation.summary, self._environ))

    def leave(self) -> None:
        """Put everything back as it was: the program ends."""
        if "title" in self._written:
            self._write(say.OLD_TITLE)
        if "progress" in self._written:
            self._write(say.progress(say.NO_PROGRESS))
        self._written.clear()

    def _title(self, text: str) -> None:
        if say.TITLE in self._ways:
            if "title" not in self._written:
                self._write(say.KEEP_TITLE)
            self._once("title", say.title(text))

    def _progress(self, state: int, percent: int = 0) -> None:
        if say.PROGRESS in self._ways:
            self._once("progress", say.progress(state, percent))

    def _once(self, what: str, sequence: str) -> None:
        if self._written.get(what) != sequence:
            self._written[what] = sequence
            self._write(sequence)


def _share(progress: Progress) -> int | None:
    """Percent of all bytes while servers upload; None where nothing is measured."""
    uploading = any(server.phase == "upload" for server in progress.servers.values())
    total = progress.to_send
    return int(progress.sent * 100 / total) if uploading and total and not progress.going_back else None
