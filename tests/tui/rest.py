"""When an app is at rest: nothing of it is on its way any more, so that its screen is what its state says.

Textual's `pilot.pause` waits until the process needs little processor time. On a machine under load a process needs
little because it gets little, so a picture that is taken then depends on the load.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textual.events import Resize
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widgets import Input

from tests.waiting import Patience

SOON = 2.0
"""Seconds: what a timer does after less is on its way; a message that goes after more is not waited for."""

_unanswered: set[threading.Thread] = set()


@contextmanager
def unanswered() -> Iterator[None]:
    """In a recorded fleet: what this thread waits for never comes, so the app is at rest all the same."""
    thread = threading.current_thread()
    _unanswered.add(thread)
    try:
        yield
    finally:
        _unanswered.discard(thread)


async def at_rest(pilot: Pilot[Any]) -> None:
    """Wait until nothing is on its way in the app."""
    patience = Patience()
    clear = 0
    while clear < 2:  # what was handled in one round may have been the last message, or have sent one
        await pilot._wait_for_screen()
        what = next(_on_the_way(pilot.app), "")
        clear = 0 if what else clear + 1
        if what.startswith("a paint"):  # what was marked from a thread is painted at the next message, which may be far
            for shown in pilot.app.screen_stack:
                shown.check_idle()
        assert not patience.is_over, f"not at rest after {patience.seconds:g} s: {what}"
        await asyncio.sleep(0.004 if what else 0)


async def resized(pilot: Pilot[Any], width: int, height: int) -> None:
    """Give the terminal another size, and wait until all is laid out for it."""
    app: Any = pilot.app
    if tuple(app.size) == (width, height):
        return
    size = Size(width, height)
    app._driver._size = size
    app.post_message(Resize(size, size))
    await at_rest(pilot)
    assert tuple(app.screen.size) == (width, height), f"laid out for {app.screen.size}"


def hold_cursors(app: Any) -> None:
    """Let no cursor blink in a field: a picture would depend on when it is taken."""
    for screen in app.screen_stack:
        for field in screen.query(Input):
            field.cursor_blink = False


def _on_the_way(app: Any) -> Iterator[str]:
    """What is on its way, in words."""
    bridge = getattr(app, "bridge", None)
    if bridge is not None:
        waiting = {thread.name for thread in _unanswered}
        # An operation that runs is a state, and no picture waits for its end.
        looks = [followed.job.name for followed in bridge._followed if followed.on_events is None]
        yield from (f"job {name}" for name in looks if f"job {name}" not in waiting)
    if app._waiting or app._passing is not None:
        yield "a key"
    yield from (f"a worker of {worker.node}" for worker in app.workers if worker.is_running)
    yield from (f"motion of {key}" for key in app.animator._animations)
    pump: MessagePump
    for shown in app.screen_stack:
        for pump in (app, *shown.walk_children(with_self=True)):
            if not pump._message_queue.empty() or pump._next_callbacks:
                yield f"a message to {pump}"
            yield from (f"a timer of {pump}" for timer in pump._timers if _is_due(timer))
    for screen in (app.screen, *app._background_screens):  # a dialog lets those below it be seen
        if screen._dirty_widgets or screen._callbacks or screen._layout_required or screen._scroll_required:
            yield f"a paint of {screen}"
    for widget in app.screen.walk_children(with_self=True):
        if widget._layout_required or widget._repaint_required or widget._recompose_required:
            yield f"a paint of {widget}"


def _is_due(timer: Any) -> bool:
    """Whether it is going to do something soon, once."""
    return (
        timer._repeat == 0
        and timer._interval <= SOON
        and timer._task is not None
        and not timer._task.done()
        and bool(timer._active.is_set())
    )
