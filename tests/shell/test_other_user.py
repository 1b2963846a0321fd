"""What ends a command of another user: the guard beside it, once its keeper is gone."""

from __future__ import annotations

import signal
import subprocess

import pytest

from core.remote.other_user import guard
from tests.waiting import PATIENCE


def guarded(keeper: str, command: str) -> subprocess.Popen[bytes]:
    text = f"turnout_keeper='{keeper}'\n{guard()}{command}\n"
    return subprocess.Popen(["sh", "-c", text], start_new_session=True)


@pytest.mark.parametrize("keeper", ["4194305 1-gone", "1 1-another"], ids=["gone", "another process"])
def test_a_keeper_that_was_gone_before_the_guards_first_look_ends_the_command(keeper):
    assert guarded(keeper, "sleep 300 & wait").wait(PATIENCE) == -signal.SIGTERM


def test_without_births_nothing_is_ended():
    assert guarded("1 ", "sleep 0.5; exit 7").wait(PATIENCE) == 7
