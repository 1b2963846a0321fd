"""A step on many servers: what each gives, and what becomes of a person's Ctrl-C."""

from __future__ import annotations

import pytest

from core.fleet import at_once


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), SystemExit(3)])
def test_a_fault_on_one_server_is_that_servers_error(error: BaseException) -> None:
    def step(name: str) -> str:
        if name == "web1":
            raise error
        return name

    alone, beside = at_once(["web1"], step), at_once(["web1", "web2"], step)
    assert (list(alone.errors), list(beside.errors), beside.results) == (["web1"], ["web1"], {"web2": "web2"})


def test_ctrl_c_is_not_the_servers_fault() -> None:
    """With one server the step runs on the main thread, where Python raises it."""

    def step(name: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at_once(["web1"], step)
