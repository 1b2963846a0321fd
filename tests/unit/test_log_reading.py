"""Logs of applications as they are read: frames, lines, levels, rates, and what is said above them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import LogSource
from core.logs.follow import Following
from core.logs.frames import CaughtUp, Data, Frame, Frames, Matching, Ready, Unreadable
from core.logs.heard import Standing
from core.logs.levels import judge
from core.logs.lines import LONGEST, Line, LineReader
from core.logs.rates import Rate, Rates
from core.logs.stream import Stream
from core.masking import Masking
from tests.projects import Nowhere, make_project
from tui.view.app_log_lines import head_lines, rate_line, standing_lines
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width

MARK = "00ff"
SENT = (
    b"motd\n\n00ff ready\n00ff files 0 2\n00ff unread 1 /var/log/x y\n"
    b"00ff data 0 17 1 log/a b.log\nrest\nnew 00ff end\nlast\n00ff end\n00ff new\n"
)
FRAMES = [
    Ready(),
    Matching(0, 2),
    Unreadable(1, "/var/log/x y"),
    Data(0, "log/a b.log", b"rest\nnew 00ff end\nlast", 17, True),
    CaughtUp(),
]


@given(st.lists(st.integers(0, len(SENT)), max_size=8))
def test_frames_are_the_same_however_they_arrive(cuts: list[int]) -> None:
    frames = Frames(MARK)
    got: list[Frame] = []
    places = [0, *sorted(cuts), len(SENT)]
    for start, end in pairwise(places):
        got += frames.take(SENT[start:end])
    assert got == FRAMES


@pytest.mark.parametrize("wrong", [b"00ff what\n", b"00ff files a b\n", b"00ff data 0 x 1 n\n\n00ff end\n"])
def test_a_server_that_sends_nonsense_is_not_believed(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        Frames(MARK).take(wrong)


def test_a_frame_without_end_is_refused_before_it_fills_the_memory() -> None:
    frames = Frames(MARK)
    frames.take(b"00ff data 0 0 0 n\n")
    with pytest.raises(ValueError, match="without end"):
        for _ in range(100):
            frames.take(b"x" * (1 << 20))


# Lines.


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_lines_are_the_same_however_their_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    reader, whole = LineReader(), LineReader()
    got: list[Line] = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        got += reader.take(data[start:end])
    assert got + reader.finish() == whole.take(data) + whole.finish()


def test_an_endless_line_takes_no_memory_and_says_how_long_it_was() -> None:
    reader = LineReader()
    for _ in range(100):
        assert reader.take(b"x" * (1 << 20)) == []
        assert len(reader._rest) <= LONGEST
    (line,) = reader.take(b"\n")
    shown = line.shown(Masking(frozenset()))
    assert len(shown) < 4100 and shown.endswith("(105 MB)")


def test_the_line_behind_a_gap_is_left_out_where_it_lacks_its_beginning() -> None:
    reader = LineReader()
    reader.take(b"unfinished")
    assert [line.text for line in reader.take(b"tail of one\nwhole\n", cut=True)] == ["whole"]


def test_a_secret_is_masked_before_a_line_is_cut() -> None:
    (line,) = LineReader().take(b"x" * 3_990 + b"s3cr3t-token-behind-the-cut and more\n")
    assert "s3cr3t" not in line.shown(Masking(frozenset({"s3cr3t-token-behind-the-cut"})))


# Levels.


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("error", '{"ts":1,"level":"ERROR","msg":"no"}'),
        ("warning", '{"severity": "warn", "msg": "error in the text"}'),
        ("error", '{"level":50,"msg":"pino"}'),
        ("info", '{"level":30,"msg":"pino"}'),
        ("error", '{"msg":"x","priority":3}'),
        ("error", '{"method":"GET","status":502}'),
        ("error", '1.2.3.4 - - [26/Nov/2026:14:02:11 +0000] "GET /a HTTP/1.1" 502 157 "-" "curl/8"'),
        ("warning", '1.2.3.4 - ana [26/Nov/2026:14:02:11 +0000] "GET /error HTTP/1.1" 404 12'),
        ("", '1.2.3.4 - - [26/Nov/2026:14:02:11 +0000] "GET /error HTTP/1.1" 200 5021 "-" "ERROR"'),
        ("error", "2026/11/26 14:02:11 [error] 77#77: *1 connect() failed (111: Connection refused)"),
        ("error", "[Thu Nov 26 14:02:11 2026] [php:error] [pid 12] PHP Fatal error:  x"),
        ("warning", "[2026-11-26 14:02:11] production.WARNING: slow query"),
        ("error", "<11>Nov 26 14:02:11 web1 shop[12]: no"),
        ("info", "<14>Nov 26 14:02:11 web1 shop[12]: error-free"),
        ("warning", "time=14:02 level=warning msg=x"),
        ("error", "E1126 14:02:11.123456 12 main.go:7] no"),
        ("error", "Traceback (most recent call last):"),
        ("error", "ValueError: not a number"),
        ("error", "panic: runtime error"),
        ("debug", "14:02:11 DEBUG sql: select 1"),
        ("info", "INFO  started"),
        ("", "the terror of errors, informally"),
        ("", ""),
    ],
)
def test_the_level_of_a_line_is_told_by_common_forms(level: str, text: str) -> None:
    assert judge(text).level == level


def test_the_status_of_an_answer_is_read() -> None:
    assert judge('x "GET / HTTP/1.1" 503 - "-"').status == 503
    assert judge('{"status": "200"}').status == 200
    assert judge("port 5021 in use").status == 0


@given(st.text(max_size=200))
def test_any_line_has_a_level(text: str) -> None:
    assert judge(text).level in ("", "error", "warning", "info", "debug")


# Rates.

ERROR = judge("ERROR no")
BAD_GATEWAY = judge('"GET / HTTP/1.1" 502 1')
FINE = judge('"GET / HTTP/1.1" 200 1')


def test_errors_before_a_switch_and_since_are_told_apart() -> None:
    rates = Rates(begin=1000.0)
    for second in range(1000, 1200):
        rates.count(second, FINE)
        if second % 10 == 0:
            rates.count(second, BAD_GATEWAY)
    rates.switched(1200.0)
    rates.switched(1201.0)
    for second in range(1200, 1260):
        for _ in range(3):
            rates.count(second, BAD_GATEWAY)
    rate = rates.rate(1260.0)
    assert (rate.what, rate.ago) == ("5xx", 60.0)
    assert rate.before == pytest.approx(0.1) and rate.since == pytest.approx(3.0)
    assert rate.mark > 0 and max(rate.slices[: rate.mark]) < min(rate.slices[rate.mark + 1 : -1])


def test_a_log_without_answers_counts_errors_and_no_switch_has_no_before() -> None:
    rates = Rates(begin=0.0)
    for second in range(100):
        rates.count(second, ERROR)
    rate = rates.rate(100.0)
    assert (rate.what, rate.before, rate.ago, rate.mark) == ("errors", None, None, -1)
    assert rate.since == pytest.approx(1.0)


def test_a_million_errors_are_counted_in_bounded_memory() -> None:
    rates = Rates(begin=0.0)
    for number in range(1_000_000):
        rates.count(number / 100, ERROR)
    assert len(rates._seconds) <= 1802
    assert rates.rate(10_000.0).since == pytest.approx(100.0, rel=0.01)


# What is said above them.


def test_the_rate_is_said_in_numbers_before_and_since() -> None:
    rate = Rate("5xx", 0.2, 3.1, 120.0, (0.0, 0.2, 3.0, 4.0), 2)
    assert plain(rate_line(rate, 100, UNICODE)) == "! 5xx 0.2/s before, 3.1/s since the switch 2 min ago   ▁│▇█"
    better = Rate("5xx", 3.0, 0.0, 120.0, (), -1)
    assert plain(rate_line(better, 60, UNICODE)).startswith("5xx 3.0/s before, 0/s since")
    assert plain(rate_line(Rate("errors", None, 0.0, None, (0.0,), -1), 60, ASCII)).strip() == "errors 0/s"


def test_what_cannot_be_followed_is_said_once_with_its_servers() -> None:
    standings = {
        ("web1", "app"): Standing("following"),
        ("web2", "app"): Standing("failed", "no connection"),
        ("web3", "app"): Standing("failed", "no connection"),
        ("web4", "app"): Standing("waiting", "there is no /srv/shop/current/app.log yet"),
        ("web5", "app"): Standing("connecting"),
        ("web2", "jobs"): Standing("ended", "the command has ended"),
    }
    said = [plain(spans) for spans in standing_lines(standings, "app", UNICODE)]
    assert said == [
        "! web2, web3: no connection",
        "… web4: there is no /srv/shop/current/app.log yet",
        "◐ connecting to web5",
    ]
    head = head_lines(("app", "jobs"), "", None, standings, 40, UNICODE, ".")
    assert [plain(spans) for spans in head[2:4]] == ["… web4: there is no", "/srv/shop/current/app.log yet"], "not cut"
    assert plain(head[0]).startswith(". all logs") and all(width(spans) <= 40 for spans in head)
    none = " ".join(plain(spans) for spans in head_lines((), "", None, {}, 60, UNICODE, "."))
    assert "[[logs]]" in none and "turnout.toml" in none


def test_a_log_is_not_called_followed_where_its_server_is_silent() -> None:
    standings = {(server, "app"): Standing("following", files=1) for server in ("web1", "web2", "web3")}
    standings["web3", "app"] = Standing("failed", "no connection")
    silent = {"web2": 47.0, "web3": 50.0}
    head = [plain(spans) for spans in head_lines(("app",), "", None, standings, 80, UNICODE, ".", silent)]
    assert "! web2: no answer for 47 s; what is written there is missing here" in head
    assert not any("web1" in line for line in head) and sum("web3" in line for line in head) == 1
    standings["web2", "app"] = Standing("silent", "no answer since 17:42:03", unreachable=True)
    said = [(plain(spans), spans[-1].role) for spans in standing_lines(standings, "", UNICODE)]
    assert ("! web2: no answer since 17:42:03", "bad") in said


def test_a_file_that_cannot_be_read_is_not_said_to_be_missing(tmp_path: Path) -> None:
    project = make_project(tmp_path, [Nowhere()], {"index.html": "1"}).load()
    fleet: Any = SimpleNamespace(servers=project.environment("production").servers, project=project)
    source = LogSource(name="app", file="/var/log/app.log")
    following = Following(fleet, [source])
    stream = Stream(following, fleet, fleet.servers[0], [(0, source)], 1 << 20, 10)
    for frame, state in (
        (Unreadable(0, "/var/log/app.log"), "failed"), (Matching(0, 0), "failed"), (CaughtUp(), "failed"),
        (Matching(0, 1), "following"), (Matching(0, 0), "waiting"),
    ):  # fmt: skip
        stream.frame(frame)
        assert following.standings["web", "app"].state == state, frame
