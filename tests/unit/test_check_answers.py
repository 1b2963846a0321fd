"""What an HTTP answer has to be, and what a count in a log says: the decisions of checks."""

from __future__ import annotations

import pytest

from core.checks.expected import Expected, status_fits
from core.checks.log import Counted, verdict
from core.config import Check
from core.text import either


def same(text):
    return text


@pytest.mark.parametrize(
    ("status", "wanted", "fits"),
    [
        (200, ("200",), True),
        (204, ("200", "204"), True),
        (204, ("2xx",), True),
        (301, ("2xx", "404"), False),
        (500, ("5xx",), True),
        (50, ("5xx",), True),  # no server may say that, and nothing is decided by it
    ],
)
def test_a_status_is_one_of_a_list_or_of_a_class(status, wanted, fits):
    assert status_fits(status, wanted) == fits


def test_statuses_are_named_in_words():
    assert [either(("200",)), either(("200", "204")), either(("200", "204", "3xx"))] == [
        "200",
        "200 or 204",
        "200, 204 or 3xx",
    ]


@pytest.mark.parametrize(
    ("path", "equals", "body", "problem"),
    [
        ("status", "ok", b'{"status": "ok"}', ""),
        ("status", "ok", b'{"status": "degraded"}', 'status of the answer\'s JSON is "degraded", not "ok"'),
        ("checks.0.up", True, b'{"checks": [{"up": true}]}', ""),
        ("checks.0.up", True, b'{"checks": [{"up": 1}]}', "checks.0.up of the answer's JSON is 1, not true"),
        ("checks.1.up", True, b'{"checks": [{"up": true}]}', "the answer's JSON has no checks.1.up"),
        ("count", 1, b'{"count": 1.0}', ""),
        ("count", 1, b'{"count": "1"}', 'count of the answer\'s JSON is "1", not 1'),
        ("count", 0, b'{"count": false}', "count of the answer's JSON is false, not 0"),
        ("version", None, b'{"version": 0}', ""),
        ("version", None, b'{"version": null}', "version of the answer's JSON is null"),
        ("version.major", None, b'{"version": "1.2"}', "the answer's JSON has no version.major"),
        ("a", "b", b"<html>", "the answer is not JSON"),
        ("a", "b", b"\xff\xfe{", "the answer is not JSON"),
        ("a", "b", b"[" * 100_000, "the answer is not JSON"),
        ("a", {}, b'{"a": {"b": [1, 2]}}', 'a of the answer\'s JSON is {"b": [1, 2]}, not {}'),
    ],
)
def test_a_value_of_the_answers_json_is_compared_as_json_compares(path, equals, body, problem):
    assert Expected(path=tuple(path.split(".")), equals=equals).problem(body, same) == problem


def test_a_secret_in_an_answers_json_is_masked_before_it_is_said():
    expected = Expected(path=("token",), equals="none")
    said = expected.problem(b'{"token": "hunter2"}', lambda text: text.replace("hunter2", "***"))
    assert said == 'token of the answer\'s JSON is "***", not "none"'


@pytest.mark.parametrize(
    ("counts", "over", "worse"),
    [
        ((1000, 100, 1000, 0), 1.0, True),
        ((1000, 9, 1000, 0), 1.0, False),
        ((1000, 30, 1000, 30), 1.0, False),  # it was no better before
        ((1000, 31, 1000, 30), 1.0, True),
        ((1000, 30, 0, 0), 1.0, True),  # nothing to compare with
        ((3, 1, 1000, 0), 1.0, False),  # one alone is no share
        ((3, 1, 1000, 0), 0.0, True),
        ((0, 0, 1000, 500), 1.0, False),
        ((10, 10, 10, 0), 100.0, False),
    ],
)
def test_a_log_fails_above_the_share_and_above_what_it_was_before(counts, over, worse):
    assert Counted(*counts, known=2000, other=0).worse(over / 100) == worse


def test_what_a_log_check_found_is_said_with_its_numbers():
    check = Check(log="/var/log/access.log", over="1%", bake="1m")
    assert verdict(check, Counted(1200, 14, 1180, 0, 2380, 3)) == (
        "14 of 1,200 answers since the switch were 5xx: 1.17 %, over 1 %; in the same time before it 0 %"
    )
    assert verdict(check, Counted(0, 0, 0, 0, 0, 0)) == ""
