"""A cancel, and the controls of steps that stop together."""

from __future__ import annotations

import pytest

from core.errors import Cancelled
from core.jobs import Controls


def test_a_cancel_reaches_linked_controls() -> None:
    outer = Controls()
    with outer.linked() as inner:
        outer.cancel.request()
        with pytest.raises(Cancelled):
            inner.cancel.check()


def test_a_cancel_that_came_before_reaches_linked_controls() -> None:
    outer = Controls()
    outer.cancel.request()
    with outer.linked() as inner:
        assert inner.cancel.requested


def test_steps_that_stop_together_stop_nothing_else() -> None:
    outer = Controls()
    with outer.linked() as inner:
        inner.cancel.request()
    assert not outer.cancel.requested


def test_linked_controls_are_forgotten_after_their_block() -> None:
    outer = Controls()
    with outer.linked() as inner:
        pass
    outer.cancel.request()
    assert not inner.cancel.requested
