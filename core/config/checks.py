"""[[checks]] of turnout.toml: what tells whether a release works, by URL, command or log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator, Strict, model_validator

from core.checks.expected import Value
from core.config import check_values, values
from core.config.placing import Placed
from core.config.table import Broken, exactly_one, kind_of
from core.config.types import Command, Duration, Timeout, Whole

SWITCHED, STAGED = "switched", "staged"
"""When a check is tried: after the switch, or on the staged release before anything switches."""

_HTTP = ("method", "headers", "contains", "json", "equals", "host", "verify-tls")
_TRIES = ("attempts", "successes")
_WHY_NOT = {
    "http": "is only for http checks",
    "run": "is only for http checks; a command passes with status 0",
    "log": "is not for log checks",
}


Statuses = Annotated[tuple[str, ...], PlainValidator(check_values.statuses)]


class Check(Placed):
    """What tells whether the new release works."""

    kinds: ClassVar[Mapping[str, str]] = {"http": "http", "run": "command", "log": "log"}
    """The keys of which it has exactly one; for each the module of core.checks that tries it."""

    http: Annotated[str, AfterValidator(check_values.url)] | None = None
    """A URL, asked from the server's side; {port} is the port of the release's slot."""
    run: Command | None = None
    """A command on the server that ends with status 0."""
    log: Annotated[str, AfterValidator(check_values.log_file)] | None = None
    """An access log on the server, in which answers are counted: absolute, or relative to the release."""
    when: Literal["switched", "staged"] = SWITCHED
    """After the switch, or on the staged release before anything switches."""
    method: Annotated[str, AfterValidator(check_values.method)] = "GET"
    """The HTTP method."""
    headers: Annotated[dict[str, str], AfterValidator(check_values.headers)] = Field(default={}, repr=False)
    """More HTTP headers."""
    statuses: Annotated[tuple[str, ...], PlainValidator(check_values.statuses)] = Field(
        default=("200",), alias="status"
    )
    """The HTTP statuses that are right, such as 200 or "2xx"; of a log those that are counted."""
    over: Annotated[float, PlainValidator(check_values.share)] = 1.0
    """The share of answers in a log, in percent, that may have such a status."""
    contains: str = ""
    """Text that the answer contains; {revision} and {tag} are replaced by the new release's."""
    json_path: Annotated[tuple[str, ...], PlainValidator(check_values.json_path)] = Field(default=(), alias="json")
    """The names that lead to a value of the answer's JSON."""
    equals: Annotated[Value, PlainValidator(check_values.json_value)] = None
    """What that value has to be."""
    attempts: Annotated[Whole, Field(ge=1)] = 10
    """How often it is tried."""
    successes: Annotated[Whole, Field(ge=1)] = 1
    """How often in a row it has to pass."""
    interval: Duration = 1.0
    """Seconds between attempts."""
    timeout: Timeout = 10.0
    """Seconds for one attempt."""
    bake: Duration | None = None
    """Seconds for which it goes on after it has passed; None for the environment's."""
    host: Annotated[str, AfterValidator(values.host_header)] = ""
    """The Host header; "" for the URL's own."""
    verify_tls: Annotated[bool, Strict()] = Field(default=False, alias="verify-tls")
    """Whether the certificate has to be valid for the name of the site."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from super().rules(table)
        yield from exactly_one(table, *cls.kinds)
        given = [kind for kind in cls.kinds if kind in table]
        if len(given) == 1:
            yield from _not_for(given[0], table)
            yield from {"http": _of_http, "log": _of_log, "run": _of_command}[given[0]](table)
        yield from _tries(table)

    @model_validator(mode="before")
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
    if "equals" in table and "json" not in table:
        yield ("equals",), "needs `json`, which says what value of the answer it is about", 'json = "status"'
    if table.get("method") == "HEAD":
        for key in ("contains", "json"):
            if key in table:
                yield (key,), "is not possible with HEAD: its answer has no content", 'method = "GET"'
    url = table["http"]
    if table.get("verify-tls") is True and isinstance(url, str) and not url.lower().startswith("https:"):
        yield ("verify-tls",), "is only for an https URL", ""


def _of_command(table: Mapping[str, Any]) -> Iterator[Broken]:
    yield from ()


def _of_log(table: Mapping[str, Any]) -> Iterator[Broken]:
    if table.get("when") == STAGED:
        yield ("when",), "must be after the switch: a log tells nothing of a release that is not live", ""
    for key in _TRIES:
        if key in table:
            yield (key,), "is not for log checks: they count once each `interval`", ""


def _tries(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules on how often a check is tried, and for how long it goes on."""
    successes, attempts = table.get("successes", 1), table.get("attempts", 10)
    if isinstance(successes, int) and isinstance(attempts, int) and successes > attempts >= 1:
        yield ("successes",), f"cannot be more than `attempts`, which is {attempts}", f"attempts = {3 * successes}"
    if "bake" in table and table.get("when") == STAGED:
        yield ("bake",), "is only for checks after the switch: a staged release serves nobody yet", ""
