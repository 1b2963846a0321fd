"""What an HTTP answer has to be, and what a count in a log says: the decisions of checks."""

from __future__ import annotations

import random

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
        ((1000, 31, 1000, 30), 1.0, False),  # noise
        ((1000, 130, 1000, 120), 1.0, False),
        ((1000, 163, 1000, 120), 1.0, False),
        ((1000, 164, 1000, 120), 1.0, True),  # more than chance explains: a jump from 12 % to 16.4 %
        ((100_000, 13_000, 100_000, 12_000), 1.0, True),  # of many answers 1 % more is no chance
        ((1000, 11, 1000, 9), 1.0, False),  # around the limit it is noise as well
        ((1000, 30, 1000, 9), 1.0, True),
        ((200, 24, 10, 1), 1.0, False),  # a little that was counted before says little
        ((200, 190, 10, 1), 1.0, True),
        ((20, 2, 5, 0), 1.0, True),  # where nothing was bad before, the share alone counts
        ((1000, 30, 0, 0), 1.0, True),  # nothing to compare with
        ((3, 1, 1000, 0), 1.0, False),  # one alone is no share
        ((3, 1, 1000, 0), 0.0, True),
        ((3, 3, 3, 1), 0.0, False),
        ((30, 30, 30, 10), 0.0, True),
        ((10, 10, 10, 10), 1.0, False),
        ((0, 0, 1000, 500), 1.0, False),
        ((10, 10, 10, 0), 100.0, False),
    ],
)
def test_a_log_fails_above_the_share_and_above_what_chance_makes_of_the_share_before(counts, over, worse):
    assert Counted(*counts, known=2000, other=0).worse(over / 100) == worse


def test_steady_noise_is_not_taken_for_a_worse_release():
    """Of releases that answer 12 % with 5xx as before, hardly one goes back; of those that answer 20 %, nearly all."""
    draw = random.Random(7)

    def bad(share):
        return round(draw.gauss(1000 * share, (1000 * share * (1 - share)) ** 0.5))

    found = {
        share: sum(Counted(1000, bad(share), 1000, bad(0.12), 2000, 0).worse(0.01) for _ in range(1000))
        for share in (0.12, 0.2)
    }
    assert found[0.12] <= 10 and found[0.2] > 950, found


def test_what_a_log_check_found_is_said_with_its_numbers():
    check = Check(log="/var/log/access.log", over="1%", bake="1m")
    assert verdict(check, Counted(1200, 14, 1180, 0, 2380, 3)) == (
        "14 of 1,200 answers since the switch were 5xx: 1.17 %, over 1 %; in the same time before it 0 %"
    )
    assert verdict(check, Counted(1000, 200, 1000, 120, 2000, 0)) == (
        "200 of 1,000 answers since the switch were 5xx: 20 %, over 1 %; in the same time before it 12 %; "
        "up to 163 could be chance"
    )
    assert verdict(check, Counted(0, 0, 0, 0, 0, 0)) == ""
