"""[[hooks]] of turnout.toml: commands and messages around the phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from core.config import body, values
from core.config.accounts import Account, only_on_servers
from core.config.placing import Placed
from core.config.readers import Check
from core.config.table import Broken, exactly_one, kind_of
from core.config.types import Command, Timeout
from core.moments import BUILD, MOMENTS, OPERATOR

if TYPE_CHECKING:
    MomentName = str
else:
    MomentName = Literal[tuple(MOMENTS)]  # mypy reads no Literal that is made of a table


def _only_operator(table: Mapping[str, Any]) -> bool:
    """Whether the hook's moment is one at which hooks run on the operator's machine only."""
    on = table.get("on")
    return isinstance(on, str) and on in MOMENTS and MOMENTS[on].places == (OPERATOR,)


LONGEST_WEBHOOK = 10.0
"""Seconds that an operation waits for the answer to a webhook at most."""


def _webhook(value: str) -> str:
    """The address of a webhook. ValueError where it has a name that is replaced only in its body."""
    values.url(value)
    for name in body.NAMES:
        if f"{{{name}}}" in value:
            raise ValueError(f"has {{{name}}}, which is replaced only in `body`")
    return value


class Hook(Placed):
    """A command or a message around the phases."""

    kinds: ClassVar[Mapping[str, str]] = {"run": "command", "webhook": "webhook"}
    """The keys of which it has exactly one; for each the module of core.hooks that runs it."""

    hidden: ClassVar[frozenset[str]] = frozenset({"webhook", "body"})

    on: MomentName
    """When."""
    run: Command | None = None
    """A command for a shell."""
    webhook: Annotated[str, Check(_webhook), Meta(pattern="^https?://")] | None = None
    """A URL that gets JSON with a `text`, from the operator's machine."""
    where: Literal["server", "first-server", "operator"] = "server"
    """Where `run` runs; "operator" for build hooks and webhooks, whatever the file leaves out."""
    operations: tuple[Literal["deploy", "rollback"], ...] = ()
    """In which operations it runs; empty for all. A promotion counts as a deploy, and recover as what it finishes."""
    body: Annotated[str, Check(body.check)] = ""
    """What the webhook sends in place of Turnout's own JSON: JSON with {tag} and the like in its texts."""
    timeout: Timeout = 300.0
    """Seconds."""
    account: Account = msgspec.field(default="", name="as")
    """The user of the server that `run` runs as, through sudo; by default the one that Turnout works as."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(table, *cls.kinds)
        yield from super().rules(table)
        if "body" in table and "webhook" not in table:
            yield ("body",), "is only for a webhook", ""
        if "webhook" in table and (values.written_seconds(table.get("timeout")) or 0) > LONGEST_WEBHOOK:
            yield ("timeout",), f"cannot be more than {LONGEST_WEBHOOK:g} s for a webhook", ""
        only_operator = _only_operator(table)
        yield from only_on_servers(table, elsewhere=only_operator or "webhook" in table)
        if only_operator and "webhook" in table:
            message = f"a {table['on']} hook must run a command: nothing has happened yet for a webhook to report"
            yield ("webhook",), message, ""
        on, where = table.get("on"), table.get("where", OPERATOR)
        if not only_operator and isinstance(on, str) and on in MOMENTS and where not in (*MOMENTS[on].places, OPERATOR):
            right = " or ".join(f'"{place}"' for place in MOMENTS[on].places)
            yield ("where",), f"a {on} hook is for each server of a batch", f"where = {right}"
        if table.get("where", OPERATOR) != OPERATOR:
            if only_operator:
                yield ("where",), f"a {table['on']} hook always runs on the operator's machine", "leave it out"
            elif "webhook" in table and "run" not in table:
                yield ("where",), "a webhook is always sent from the operator's machine", "leave it out"
        yield from _never(table)

    @classmethod
    def completed(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"where": OPERATOR, **table} if _only_operator(table) or "webhook" in table else table

    def runs_in(self, carries: str) -> bool:
        """Whether it runs in an operation that carries out this: deploy, promote, rollback."""
        return not self.operations or ("rollback" if carries == "rollback" else "deploy") in self.operations

    @property
    def kind(self) -> str:
        """The module of core.hooks that runs it."""
        return kind_of(self, self.kinds)


def _never(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules that a hook is not limited to where or when it never runs."""
    on_operator = _only_operator(table) or "webhook" in table or table.get("where") == OPERATOR
    if "roles" in table and on_operator:
        yield ("roles",), "is only for hooks on servers: the operator's machine has no roles", "leave it out"
    if "operations" in table and table.get("on") == BUILD.name:
        message = "a build hook is a part of the build, which is the same in every operation"
        yield ("operations",), message, "leave it out"
    moment = MOMENTS.get(table["on"]) if isinstance(table.get("on"), str) else None
    wanted = table.get("operations")
    for index, operation in enumerate(wanted if isinstance(wanted, list | tuple) else ()):
        if moment is not None and operation == "rollback" and not moment.in_rollbacks:
            yield ("operations", index), f"a {moment.name} hook never runs in a rollback", ""
