"""`become` and `as` of turnout.toml: whose files a deploy makes, and as whom commands run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from core.config.readers import Check
from core.config.table import Broken
from core.config.values import shown
from core.moments import OPERATOR

_ACCOUNT = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"


def account(value: str) -> str:
    """The name of a user of a server."""
    return _named(value, "user", "www-data")


Account = Annotated[str, Check(account), Meta(pattern=f"^{_ACCOUNT}$")]


def _named(value: str, noun: str, example: str) -> str:
    if not re.fullmatch(_ACCOUNT, value):
        raise ValueError(f'{shown(value)} is not the name of a {noun} on the server, such as "{example}"')
    return value


def only_on_servers(table: Mapping[str, Any], *, elsewhere: bool) -> Iterator[Broken]:
    """The rule that `as` is for commands on servers; `elsewhere`: these run on the operator's machine."""
    if "as" in table and (elsewhere or table.get("where") == OPERATOR):
        yield ("as",), "is only for commands on servers: on the operator's machine they run as who starts Turnout", ""
