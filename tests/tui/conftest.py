"""The looks that a terminal gives the dashboard, and the recorded shop through which tests walk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from core.errors import ConnectError
from tests.screenshots import fixed
from tests.tui.recorded_shop import HeardLogs, RecordedShop, examined

LOOKS: dict[str, dict[str, str]] = {
    "light": {"TURNOUT_THEME": "light"},
    "no colour": {"NO_COLOR": "1"},
    "16 colours": {"TERM": "screen"},
    "console": {"TERM": "linux"},
    "ascii": {"TURNOUT_ASCII": "1"},
}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the app, and Textual by itself, find in the environment."""
    found: dict[str, str] = LOOKS[request.param]
    found_by_textual(found, monkeypatch)
    return found


def found_by_textual(look: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Textual reads this one of the process itself."""
    if "NO_COLOR" in look:
        patch.setenv("NO_COLOR", look["NO_COLOR"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedShop]:
    folder = tmp_path_factory.mktemp("shop")
    with fixed(folder):
        yield RecordedShop(folder)


@pytest.fixture
def recorded(shop: RecordedShop, monkeypatch: pytest.MonkeyPatch) -> RecordedShop:
    """The shop, and recorded answers to what only a server can tell."""
    monkeypatch.setattr("core.doctor.examine_server", examined)
    monkeypatch.setattr("core.logs.follow.Following", HeardLogs)
    monkeypatch.setattr("tui.dialogs.edit._trial", not_reached)
    return shop


def not_reached(project: Any, environment: str, server: Any) -> Any:
    """The trial of a server that does not answer, in place of a connection."""

    def work(emit: Any, controls: Any) -> None:
        raise ConnectError(f"{server.name} does not answer", hint="is the server up?", server=server.name)

    return work
