"""The terminal that the dashboard runs in, which may go away at any time: its window is closed, its connection ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import IO, Any, cast

from textual.driver import Driver
from textual.message import Message

from tui.widgets.key_order import mark_texts


class Lasting:
    """A file to which writing goes on without complaint after its terminal has gone."""

    def __init__(self, file: IO[str], on_gone: Callable[[], None]) -> None:
        self._file = file
        self._on_gone = on_gone
        self._gone = threading.Event()

    def write(self, text: str) -> None:
        self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        self._try(self._file.flush)

    def fileno(self) -> int:
        return self._file.fileno()

    def _try(self, work: Callable[[], object]) -> None:
        if self._gone.is_set():
            return
        try:
            work()
        except OSError:
            self._gone.set()
            self._on_gone()


def lasting(kind: type[Driver]) -> type[Driver]:
    """Textual's driver for a terminal; the app's `terminal_gone` is called, on its thread, when that has gone.

    Textual's own thread that writes ends with the terminal, and then every write waits for it forever: an operation
    that is being put back would never end.
    """
    read_in_pieces(kind)
    if kind.__name__ == "WebDriver":
        return _lasting_in_browser(kind)
    if kind.__name__ != "LinuxDriver":  # that of Windows, or of a test
        return kind

    def begin(driver: Any, app: Any, **options: Any) -> None:
        kind.__init__(driver, app, **options)
        driver._file = Lasting(driver._file, lambda: gone(driver))

    def gone(driver: Any) -> None:
        driver.exit_event.set()  # else its reading thread would read nothing without a pause
        driver._app.call_later(driver._app.terminal_gone)

    def read(driver: Any) -> None:
        try:
            driver.run_input_thread()
        except OSError:
            gone(driver)

    return cast(type[Driver], type(kind.__name__, (kind,), {"__init__": begin, "_run_input_thread": read}))


def read_in_pieces(kind: type[Driver]) -> None:
    """Have a driver's reading thread hand on what it reads in whole pieces: so pasted text is known by its first key.

    Textual's drivers have no place for that: the parser that their module makes is replaced.
    """
    module = sys.modules[kind.__module__]
    if not hasattr(module, "XTermParser"):
        return  # a test's, which reads nothing
    from textual._xterm_parser import XTermParser  # the driver has loaded it

    class Pieces(XTermParser):
        """Textual's parser, which looks at a piece before it hands on the first event of it."""

        def feed(self, data: str) -> Iterable[Message]:
            read = list(super().feed(data))
            mark_texts(read)
            return read

    vars(module)["XTermParser"] = Pieces


def _lasting_in_browser(kind: type[Driver]) -> type[Driver]:
    """Textual's driver for a browser: a window that is closed is a terminal that has gone.

    Textual's own exits at once then, in the middle of an operation, and never if the server of the page was killed.
    """

    def begin(driver: Any, app: Any, **options: Any) -> None:
        kind.__init__(driver, app, **options)
        driver._write = partial(send, driver, driver.fileno)

    def send(driver: Any, descriptor: int, packet: bytes) -> None:
        try:
            while packet:
                packet = packet[os.write(descriptor, packet) :]
        except OSError:
            gone(driver)

    def gone(driver: Any) -> None:
        if not driver.exit_event.is_set():
            driver.exit_event.set()
            driver._app.call_later(driver._app.terminal_gone)

    def read(driver: Any) -> None:
        cast(Any, kind).run_input_thread(driver)
        gone(driver)

    def hear(driver: Any, name: str, content: Any) -> None:
        if name == "quit":
            gone(driver)
        else:
            cast(Any, kind).on_meta(driver, name, content)

    return cast(
        type[Driver], type(kind.__name__, (kind,), {"__init__": begin, "run_input_thread": read, "on_meta": hear})
    )
