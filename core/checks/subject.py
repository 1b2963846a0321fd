"""What a check is tried on: a release on a server, before or after the switch (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from core.config.check_values import FILLED


class Subject(Struct, frozen=True):
    """A release on a server.

    folder      the release's, on the server
    variables   the TURNOUT_* variables by name
    live        seconds since it became live there; None before that, or where it is unknown
    """

    folder: str
    variables: Mapping[str, str]
    live: float | None = None

    @property
    def port(self) -> str:
        """The port of the slot that the release has, "" without one."""
        return self.variables.get("TURNOUT_PORT", "")

    def filled(self, text: str) -> str:
        """A text of the configuration, with this release's revision, tag and port in it."""
        for word, name in zip(FILLED, ("TURNOUT_REVISION", "TURNOUT_TAG", "TURNOUT_PORT"), strict=True):
            text = text.replace(word, self.variables.get(name, ""))
        return text
