"""The looks that a terminal gives the dashboard."""

from __future__ import annotations

import pytest

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
    if "NO_COLOR" in found:
        monkeypatch.setenv("NO_COLOR", found["NO_COLOR"])
    return found
