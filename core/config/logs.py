"""[[logs]] of turnout.toml: the logs of the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from core.config import values
from core.config.placing import Placed
from core.config.readers import Reads
from core.config.table import Broken, exactly_one
from core.config.types import Command, Name


class LogSource(Placed):
    """A log of the application: files that are followed by their names, or a command that goes on printing."""

    kinds: ClassVar[Mapping[str, str]] = {"file": "file", "run": "command"}
    """The keys of which it has exactly one."""

    name: Name
    """Its name on screens and for `turnout logs`."""
    file: Annotated[str | tuple[str, ...], Reads(values.log_files)] | None = None
    """Paths or patterns of the shell; without a slash at the front they are relative to `current`."""
    run: Command | None = None
    """A command for a shell, in `current`."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(table, *cls.kinds)
        yield from super().rules(table)
