"""[[checks]] that cannot work are refused at once, each with its key, what is wrong and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import Check, parse
from core.errors import ConfigError
from core.settings import Settings

HEAD = """
project = "shop"
source = { git = "." }
[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv/shop" }]
[environments.production]
servers = [
  { name = "web1", host = "web1", root = "/srv/shop", roles = ["web"] },
  { name = "jobs1", host = "jobs1", root = "/srv/shop", roles = ["worker"] },
]
"""


def read(text: str):
    return parse(HEAD + text, Path("turnout.toml"), Settings(environ={}))


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as raised:
        read(text)
    return [(fault.key, f"{fault.message} {fault.hint}") for fault in raised.value.faults]


HTTP = '[[checks]]\nhttp = "https://127.0.0.1/"\n'
LOG = '[[checks]]\nlog = "/var/log/access.log"\nbake = "1m"\n'
RUN = '[[checks]]\nrun = "true"\n'


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (RUN + "status = 200", "status", "is only for http checks; a command passes with status 0"),
        (RUN + 'json = "a"', "json", "is only for http checks"),
        (RUN + "verify-tls = true", "verify-tls", "is only for http checks"),
        (RUN + 'over = "1%"', "over", "is only for log checks"),
        (HTTP + 'equals = "ok"', "equals", "needs `json`"),
        (HTTP + 'json = "a..b"', "json", "single dots"),
        (HTTP + "json = 1", "json", "must be text in quotes"),
        (HTTP + 'json = "a"\nequals = [1]', "equals", "must be text, a number, true or false, not a list"),
        (HTTP + 'json = "a"\nequals = nan', "equals", "must be a number that JSON has"),
        (HTTP + 'method = "get"', "method", "is not an HTTP method"),
        (HTTP + 'method = "HEAD"\ncontains = "x"', "contains", "is not possible with HEAD"),
        (HTTP + "headers = { host = 'a' }", "headers", "`host` is the key for it"),
        (HTTP + "headers = { 'Content-Length' = '1' }", "headers", "is set by Turnout; leave it out"),
        (HTTP + "headers = { A = 'x', a = 'y' }", "headers", "is listed twice"),
        (HTTP + "headers = { 'A b' = 'x' }", "headers", "is not the name of a header"),
        (HTTP + 'headers = { A = "x\\ny" }', "headers", "without control characters or line ends"),
        (HTTP + "headers = { A = 1 }", "headers.A", "must be text in quotes"),
        (HTTP + "status = 20", "status", "must be a status from 100 to 599"),
        (HTTP + 'status = "6xx"', "status", "must be a status from 100 to 599"),
        (HTTP + "status = []", "status", "needs at least one status"),
        (HTTP + "status = [200, 200]", "status", "200 is listed twice"),
        (HTTP + "status = true", "status", "not true or false"),
        (HTTP + "successes = 11", "successes", "cannot be more than `attempts`, which is 10"),
        (HTTP + "successes = 0", "successes", "must be 1 or more"),
        (HTTP + 'when = "stage"', "when", 'did you mean "staged"?'),
        (HTTP + 'when = "staged"\nbake = "1m"', "bake", "is only for checks after the switch"),
        (HTTP.replace("https", "http") + "verify-tls = true", "verify-tls", "is only for an https URL"),
        (LOG + 'over = "101%"', "over", 'must be a share from "0%" to below "100%"'),
        (LOG + 'over = "-1%"', "over", 'must be a share from "0%" to below "100%"'),
        (LOG + "over = 1", "over", 'must be a share from "0%" to below "100%", such as "1%", not 1'),
        (LOG + 'when = "staged"', "when", "must be after the switch"),
        (LOG + "attempts = 3", "attempts", "is not for log checks"),
        (LOG + "successes = 1", "successes", "is not for log checks"),
        (LOG + 'contains = "x"', "contains", "is only for http checks"),
        (LOG.replace("/access.log", "/*.log"), "log", "must name one file, not a pattern"),
        (LOG.replace('bake = "1m"', ""), "", "counts what is answered while it bakes: `bake` is missing"),
        (RUN + 'roles = ["wbe"]', "roles[0]", 'there is no role "wbe" did you mean "web"?'),
        (RUN + 'roles = ["web"]\nenvironments = ["staging"]', "roles", "no server of staging has the role web"),
        (RUN + 'environments = ["prod"]', "environments[0]", 'there is no environment "prod"'),
        (RUN + 'roles = ["web", "web"]', "roles[1]", '"web" is listed twice'),
    ],
)
def test_a_check_that_cannot_work_is_refused(text, key, said):
    (found,) = faults(text)
    assert found[0] == (f"checks[0].{key}" if key else "checks[0]")
    assert said in found[1]


def test_a_bake_needs_a_check_after_the_switch():
    text = HEAD.replace("[environments.production]\n", '[environments.production]\nbake = "5m"\n')
    for checks in ("", HTTP + 'when = "staged"', RUN + 'environments = ["staging"]'):
        with pytest.raises(ConfigError) as raised:
            parse(text + checks, Path("turnout.toml"), Settings(environ={}))
        (fault,) = raised.value.faults
        assert fault.key == "environments.production.bake"
        assert "has nothing to bake" in fault.message
    project = parse(text + RUN, Path("turnout.toml"), Settings(environ={}))
    (check,) = project.checks
    assert project.environment("production").bake_of(check) == 300
    assert project.environment("staging").bake_of(check) == 0


def test_of_a_bake_the_checks_own_word_counts():
    project = read(RUN + 'bake = "1m"\n' + RUN + "bake = 0\n")
    environment = project.environment("production").replace(bake=300.0)
    assert [environment.bake_of(check) for check in project.checks] == [60, 0]


def test_what_a_log_check_leaves_out_suits_a_log():
    check = Check(log="access.log", bake=60)
    assert (check.statuses, check.attempts, check.over, check.interval) == (("5xx",), 1, 1.0, 5.0)


def test_what_is_written_in_headers_is_not_shown():
    (check,) = read(HTTP + "headers = { Authorization = 'Bearer hunter2' }").checks
    assert "hunter2" not in repr(check)
