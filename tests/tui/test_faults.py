"""A fault of the dashboard ends it with a code that says whether an operation was left in the middle."""

from __future__ import annotations

import pytest

from core.errors import EXIT_PERSON, EXIT_USAGE
from tui import app as dashboard


@pytest.mark.parametrize(("running", "code"), [(False, EXIT_USAGE), (True, EXIT_PERSON)])
def test_a_fault_is_no_failure_that_was_put_back(monkeypatch, running, code):
    class Faulty(dashboard.TurnoutApp):
        our_operations = [object()] if running else []

        def on_mount(self) -> None:
            raise KeyError("a fault")

    monkeypatch.setattr(dashboard, "TurnoutApp", Faulty)
    monkeypatch.setattr(Faulty, "run", lambda self, mouse: dashboard.App.run(self, headless=True, mouse=mouse))
    assert dashboard.run_dashboard(None) == code
