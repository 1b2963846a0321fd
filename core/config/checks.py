"""[[checks]] of turnout.toml: what tells whether a release works, by URL, command or log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from core.config import check_values, values
from core.config.accounts import Account
from core.config.baking import STAGED
from core.config.check_values import Value
from core.config.placing import Placed
from core.config.readers import Check as Checked
from core.config.readers import Reads
from core.config.slots import port_of_url
from core.config.table import Broken, exactly_one, kind_of
from core.config.types import Command, Count, Duration, Timeout
from core.text import either

_HTTP = ("method", "headers", "contains", "json", "equals", "host", "verify-tls")
_EMPTY = ("204", "205", "304")
"""Statuses whose answers have no content (RFC 9110)."""
_TRIES = ("attempts", "successes")
_WHY_NOT = {"run": "is only for http checks; a command passes with status 0", "log": "is only for http checks"}

# How the values are written, where that is not how they are kept.
_STATUSES = Meta(extra_json_schema={"type": ["integer", "string", "array"], "items": {"type": ["integer", "string"]}})
_SHARE = Meta(extra_json_schema={"type": "string", "default": "1%"})
_WORDS = Meta(extra_json_schema={"type": "string"})


class Check(Placed):
    """What tells whether the new release works."""

    kinds: ClassVar[Mapping[str, str]] = {"http": "http", "run": "command", "log": "log"}
    """The keys of which it has exactly one; for each the module of core.checks that tries it."""

    repeats: ClassVar[frozenset[str]] = frozenset({"json"})
    hidden: ClassVar[frozenset[str]] = frozenset({"headers"})

    http: Annotated[str, Checked(check_values.url)] | None = None
    """A URL, asked from the server's side; {port} is the port of the release's slot."""
    run: Command | None = None
    """A command on the server that ends with status 0."""
    log: Annotated[str, Checked(check_values.log_file)] | None = None
    """An access log on the server, in which answers are counted: absolute, or relative to the release."""
    when: Literal["switched", "staged"] = "switched"
    """After the switch, or on the staged release before anything switches."""
    method: Annotated[str, Checked(check_values.method)] = "GET"
    """The HTTP method."""
    headers: Annotated[dict[str, str], Checked(check_values.headers)] = {}
    """More HTTP headers."""
    statuses: Annotated[tuple[str, ...], Reads(check_values.statuses), _STATUSES] = msgspec.field(
        default=("200",), name="status"
    )
    """The HTTP statuses that are right, such as 200 or "2xx"; of a log those that are counted."""
    over: Annotated[float, Reads(check_values.share), _SHARE] = 1.0
    """The share of answers in a log, in percent, that may have such a status."""
    contains: str = ""
    """Text that the answer contains; {revision} and {tag} are replaced by the new release's."""
    json_path: Annotated[tuple[str, ...], Reads(check_values.json_path), _WORDS] = msgspec.field(
        default=(), name="json"
    )
    """The names that lead to a value of the answer's JSON."""
    equals: Annotated[Value, Reads(check_values.json_value)] = None
    """What that value has to be."""
    attempts: Count = 10
    """How often it is tried."""
    successes: Count = 1
    """How often in a row it has to pass."""
    interval: Duration = 1.0
    """Seconds between attempts."""
    timeout: Timeout = 10.0
    """Seconds for one attempt."""
    bake: Duration | None = None
    """Seconds for which it goes on after it has passed; None for the environment's."""
    host: Annotated[str, Checked(values.host_header)] = ""
    """The Host header; "" for the URL's own."""
    verify_tls: bool = msgspec.field(default=False, name="verify-tls")
    """Whether the certificate has to be valid for the name of the site."""
    account: Account = msgspec.field(default="", name="as")
    """The user of the server that `run` runs as, or that reads the log, through sudo."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from super().rules(table)
        yield from exactly_one(table, *cls.kinds)
        given = [kind for kind in cls.kinds if kind in table]
        if len(given) == 1:
            yield from _not_for(given[0], table)
            if "run" not in given:
                yield from _of_http(table) if "http" in given else _of_log(table)
        yield from _tries(table)

    @classmethod
    def completed(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"status": "5xx", "attempts": 1, "interval": 5.0, **table} if "log" in table else table

    @property
    def kind(self) -> str:
        """The module of core.checks that tries it."""
        return kind_of(self, self.kinds)

    @property
    def staged(self) -> bool:
        """Whether it is tried before the switch."""
        return self.when == STAGED


def _not_for(kind: str, table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that a check has only keys of its kind."""
    for key in (*_HTTP, "status") if kind == "run" else _HTTP if kind == "log" else ():
        if key in table:
            yield (key,), _WHY_NOT[kind], ""
    if kind != "log" and "over" in table:
        yield ("over",), "is only for log checks", 'log = "/var/log/nginx/access.log"'


def _of_http(table: Mapping[str, Any]) -> Iterator[Broken]:
    if "as" in table:
        yield ("as",), "is not for http checks: they run no program on the server", "leave it out"
    if "equals" in table and "json" not in table:
        yield ("equals",), "needs `json`, which says what value of the answer it is about", 'json = "status"'
    statuses = _statuses(table)
    if any(status.startswith("1") for status in statuses):
        yield ("status",), "cannot be 1xx: such an answer comes before the one that counts", ""
    empty = bool(statuses) and all(status in _EMPTY for status in statuses)
    for key in ("contains", "json"):
        if key not in table:
            continue
        if table.get("method") == "HEAD":
            yield (key,), "is not possible with HEAD: its answer has no content", 'method = "GET"'
        elif empty:
            message = f"is not possible with status {either(statuses)}: such an answer has no content"
            yield (key,), message, "status = 200"
    url = table["http"]
    if not isinstance(url, str):
        return
    yield from port_of_url(url)
    if table.get("verify-tls") is True and not url.lower().startswith("https:"):
        yield ("verify-tls",), "is only for an https URL", ""


def _statuses(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The statuses that the file has, as far as they can be read."""
    try:
        return check_values.statuses(table["status"]) if "status" in table else ()
    except ValueError:
        return ()


def _of_log(table: Mapping[str, Any]) -> Iterator[Broken]:
    if table.get("when") == STAGED:
        yield ("when",), "must be after the switch: a log tells nothing of a release that is not live", ""
    for key in _TRIES:
        if key in table:
            yield (key,), "is not for log checks: they count once each `interval`", ""
    if good := [status for status in _statuses(table) if status.startswith("2")]:
        message = f"counts {either(good)} as failures: with a log, these are the answers of which there may be few"
        yield ("status",), message, 'status = "5xx"'


def _tries(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules on how often a check is tried, and for how long it goes on."""
    successes, attempts = table.get("successes", 1), table.get("attempts", 10)
    if isinstance(successes, int) and isinstance(attempts, int) and successes > attempts >= 1:
        yield ("successes",), f"cannot be more than `attempts`, which is {attempts}", f"attempts = {3 * successes}"
    if "bake" in table and table.get("when") == STAGED and "log" not in table:
        yield ("bake",), "is only for checks after the switch: a staged release serves nobody yet", ""
