"""The mouse, by the events that a terminal sends: Pilot's own clicks pass by what the app does with them."""

from __future__ import annotations

from typing import Any

from textual import events

LEFT, MIDDLE, RIGHT = 1, 2, 3


def send(app: Any, kind: type[events.MouseEvent], x: int, y: int, button: int = 0, **held: bool) -> None:
    """One event at a cell of the screen; `held` are shift, ctrl and meta."""
    keys = {"shift": False, "meta": False, "ctrl": False, **held}
    app.post_message(kind(None, x, y, 0, 0, button, **keys, screen_x=x, screen_y=y))


def click(app: Any, x: int, y: int, button: int = LEFT, *, times: int = 1, **held: bool) -> None:
    """Press and let go of a button at a cell, once or more often."""
    for _ in range(times):
        send(app, events.MouseDown, x, y, button, **held)
        send(app, events.MouseUp, x, y, button, **held)


def drag(app: Any, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Press the left button at a cell, and let go of it at another one."""
    send(app, events.MouseDown, *start, LEFT)
    send(app, events.MouseMove, *end, LEFT)
    send(app, events.MouseUp, *end, LEFT)


def place_of(app: Any, text: str) -> tuple[int, int]:
    """The cell where a text begins on the screen that is on top."""
    for y, segments in enumerate(app.screen._compositor.render_strips()):
        if (x := "".join(segment.text for segment in segments).find(text)) >= 0:
            return x, y
    raise AssertionError(f"{text!r} is not on the screen")
