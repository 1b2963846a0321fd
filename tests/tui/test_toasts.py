"""Messages that pop up come, go, and leave nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from textual.app import App
from textual.widgets._toast import Toast, ToastHolder

from tests.waiting import PATIENCE
from tui.widgets.timers import SureTimers
from tui.widgets.toasts import FewToasts

LATE = """
import asyncio, time
from textual.app import App
from textual.notifications import Notification
from tui.widgets.timers import SureTimers
from tui.widgets.toasts import FewToasts, SureToast

class Late(FewToasts, SureTimers, App): pass

async def main():
    async with Late().run_test(notifications=True) as pilot:
        message = Notification("late", timeout=0.01)
        time.sleep(0.02)
        toast = SureToast(message)
        await pilot.app.mount(toast)
        came = []
        for delay in (-1.0, 0.0, 0.000001):
            pilot.app.set_timer(delay, lambda delay=delay: came.append(delay))
        while toast.is_attached or len(came) < 3:
            await asyncio.sleep(0.01)
        print(sorted(came))

asyncio.run(main())
"""


class Few(FewToasts, SureTimers, App[None]):
    pass


def test_a_timer_whose_time_has_passed_is_called_once() -> None:
    # In a process of its own: what goes wrong here never comes back.
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "[-1.0, 0.0, 1e-06]\n", done.stderr


async def test_messages_that_were_replaced_leave_nothing() -> None:
    async with Few().run_test(notifications=True) as pilot:
        screen = pilot.app.screen
        for text in ["same"] * 5 + [f"other {number}" for number in range(6)]:
            pilot.app.notify(text, timeout=0.6)
            await pilot.pause()
            assert len(screen.query(ToastHolder)) == len(screen.query(Toast)) <= 4
        assert "other 5" in [toast._notification.message for toast in screen.query(Toast)]
        async with asyncio.timeout(PATIENCE):
            while screen.query(ToastHolder) or screen.query(Toast):
                await asyncio.sleep(0.02)
