"""[[notify]]: who is told how operations end, and when one waits for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from core.config import values
from core.config.readers import Check as Checked
from core.config.table import Broken, Table
from core.config.types import Name, Timeout

Occasion = Literal["success", "failure", "hold"]


class Notify(Table):
    """An address that Apprise knows: Slack, Discord, Teams, mail, ntfy and many more."""

    hidden: ClassVar[frozenset[str]] = frozenset({"url"})

    url: Annotated[str, Checked(values.notify_url)]
    """The address in Apprise's form, such as `slack://…` or `mailto://…`."""
    on: tuple[Occasion, ...] = ("success", "failure")
    """When: an operation that changes what is live ended well; it did not; it waits for a person."""
    environments: tuple[Name, ...] = ()
    """Only in these environments; empty for all."""
    timeout: Timeout = 10.0
    """Seconds that an operation's end waits for it at most."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        if table.get("on") == []:
            yield ("on",), "needs at least one of success, failure and hold", ""

    def applies_in(self, environment: str) -> bool:
        """Whether an environment is one of its own."""
        return not self.environments or environment in self.environments
