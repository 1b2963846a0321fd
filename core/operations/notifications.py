"""[[notify]]: tell people how an operation ended, or that it waits for them. Nothing here fails or delays an operation.

Each address has a thread of its own and its own time. What was not delivered by then is a warning, and is left alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from core import telling
from core.config.notify import Notify
from core.errors import ConfigError, TurnoutError, outcome_of
from core.fleet import Fleet
from core.operations import sentence
from core.pending import whole
from core.plan import DEPLOY, PROMOTE, RECOVER, ROLLBACK, Plan
from core.questions import BATCH, HOLD, SERVER, Question


class Running(Protocol):
    """What is read of an operation on its way (core.operations.run.Run)."""

    fleet: Fleet
    kind: str
    who: str
    reason: str

    @property
    def seconds(self) -> float: ...

    def warn(self, text: str, server: str = "") -> None: ...


KINDS = (DEPLOY, PROMOTE, ROLLBACK, RECOVER)
"""The operations that are told of: they change what is live."""

_FORMS = {"success": "success", "failure": "failure", "hold": "warning"}
"""By occasion, how Apprise colours a message."""


def chosen(run: Running, occasion: str) -> list[Notify]:
    """The addresses that are told of an occasion of this operation."""
    if run.kind not in KINDS:
        return []
    environment = run.fleet.environment.name
    return [each for each in run.fleet.project.notify if occasion in each.on and each.applies_in(environment)]


def tell_end(run: Running, plan: Plan | None, error: TurnoutError | None) -> None:
    """Tell how the operation ended; come back when all is sent, or when its time is up."""
    addresses = chosen(run, "failure" if error else "success")
    if not addresses:
        return
    story = _story(run, plan, error)
    _send(run, addresses, "failure" if error else "success", sentence.title(story), sentence.ended(story))


def tell_waiting(run: Running, question: Question, plan: Plan | None, is_open: Callable[[], bool]) -> None:
    """Tell that the operation waits for an answer; nobody waits for that.

    is_open   waits until everybody can answer; False where nobody can any more, and nobody has to be told
    """
    if question.kind not in (HOLD, BATCH, SERVER) or not (addresses := chosen(run, "hold")):
        return
    story = _story(run, plan, None)
    title = f"{story.place} waits for an answer"
    text = sentence.waits(story, question)

    def send() -> None:
        if is_open():
            _send(run, addresses, "hold", title, text)

    threading.Thread(target=send, name="notify", daemon=True).start()


def _story(run: Running, plan: Plan | None, error: TurnoutError | None) -> sentence.Story:
    outcome = outcome_of(error) if error else "done"
    record = plan.record if plan else None
    problem = [] if error is None else [error.title, error.hint]
    return sentence.Story(
        kind=run.kind,
        place=f"{run.fleet.project.project} {run.fleet.environment.name}",
        who=run.who,
        servers=len(plan.reaching) if plan and outcome == "done" else len(run.fleet.names),
        tag=plan.tag if plan else "",
        before=plan.live if plan else "",
        what=record.subject if record else "",
        why=run.reason,
        seconds=run.seconds,
        outcome=outcome,
        problem=". ".join(part.rstrip(".") for part in problem if part) + "." if problem else "",
    )


def _send(run: Running, addresses: Sequence[Notify], occasion: str, title: str, text: str) -> None:
    """Send to all addresses at once, each within its own time; warn of those that did not get it."""
    mask = run.fleet.project.mask
    title, text = mask.line(title, 300), mask.line(text, 4000)
    answers: dict[int, str] = {}

    def deliver(number: int, notify: Notify) -> None:
        try:
            answers[number] = _deliver(whole(notify.url), occasion, title, text)
        except ConfigError as error:
            answers[number] = "; ".join(fault.message for fault in error.faults)
        except Exception as error:  # an address of any service, through a library with very many
            answers[number] = f"{type(error).__name__}: {error}"

    began = time.monotonic()
    threads = []
    for number, notify in enumerate(addresses):
        thread = threading.Thread(target=deliver, args=(number, notify), name="notify", daemon=True)
        thread.start()
        threads.append(thread)
    for number, (thread, notify) in enumerate(zip(threads, addresses, strict=True)):
        thread.join(max(0.0, began + notify.timeout - time.monotonic()))
        why_not = answers.get(number, f"no answer within {notify.timeout:g} s")
        if why_not:
            place = run.fleet.project.notify.index(notify)
            run.warn(mask.line(f"notify[{place}] was not told: {why_not}", 500).replace("\n", " "))


def _deliver(url: str, occasion: str, title: str, text: str) -> str:
    """Why a message was not taken; "" where it was."""
    if not telling.is_installed():
        return f"Apprise is not installed: {telling.INSTALL}"
    sender = telling.sender(url)
    if sender is None:
        return f"its url is not one that Apprise knows ({telling.WIKI})"
    said = _Said()
    logger = logging.getLogger("apprise")
    logger.addHandler(said)
    try:
        taken = sender.notify(body=text, title=title, notify_type=_FORMS[occasion])
    finally:
        logger.removeHandler(said)
    return "" if taken else said.last or "its service did not take the message"


class _Said(logging.Handler):
    """Keeps the last warning of Apprise, in the thread that sends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.last = record.getMessage()
