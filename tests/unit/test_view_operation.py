"""The head of a running operation: heading, phases, bytes, and the servers that have no row of their own."""

from __future__ import annotations

import pytest

from core.events import OperationStarted, PhaseFinished, PhaseStarted, PlanMade, Reading, UploadProgress
from tests.operations import OLD, T, deploying, switched, through, uploads
from tui.view import operation_lines as draw
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width
from tui.view.progress import Progress
from tui.view.progress_page import Frame, page

KEYS = {"undo": "u", "changes": "c", "copy-receipt": "y"}


def heading(progress: Progress, cells: int, now: float) -> str:
    return plain(draw.title_line(progress, cells, now, UNICODE))


def phases(progress: Progress, cells: int = 110) -> str:
    return plain(draw.phase_line(progress, cells, UNICODE))


def shown(progress: Progress, now: float, cells: int, rows: int) -> list[str]:
    return [plain(spans).rstrip() for spans in page(progress, None, now, Frame(cells, rows, UNICODE, KEYS)).lines]


def test_the_heading_says_what_goes_where_and_how_long_the_upload_still_takes() -> None:
    progress = uploads(deploying(3), {"web1": 20e6, "web2": 20e6, "web3": 10e6})
    assert heading(progress, 100, T + 10) == (
        "DEPLOY 3f2c1ab → production · Fix cart totals for mixed VAT          ETA 0:28  ██████▌░░░░░░░░░ 41 %"
    )
    assert heading(progress, 60, T + 10) == "DEPLOY 3f2c1ab → production  ETA 0:28  ██████▌░░░░░░░░░ 41 %"


def test_a_time_left_that_is_not_known_is_not_shown() -> None:
    stalled = uploads(deploying(3), {"web1": 20e6, "web2": 20e6, "web3": 10e6}, at=T + 4)
    assert "ETA" not in heading(stalled, 100, T + 10) and "41 %" in heading(stalled, 100, T + 10)
    waiting = uploads(deploying(3), {"web1": 20e6, "web2": 20e6})
    assert "ETA" not in heading(waiting, 100, T + 10), "web3 has not begun"
    just_begun = deploying(1)
    just_begun.apply(PhaseStarted(server="web1", phase="upload", time=T + 1))
    for sent in (0, 900_000):
        just_begun.apply(UploadProgress(server="web1", sent=sent, total=41_000_000, time=T + 1 + sent / 1e6))
    assert "ETA" not in heading(just_begun, 100, T + 2), "nobody knows after less than a second"


def test_a_rollback_and_other_operations_are_called_by_what_they_do() -> None:
    assert heading(deploying(2, kind="rollback"), 70, T + 1).startswith("ROLL BACK production → 3f2c1ab · ")
    prune = Progress("prune", "production", ["web1"], started=T, title="Prune releases on production")
    assert heading(prune, 60, T + 2).startswith("Prune releases on production")


def test_the_phases_count_their_servers_and_the_barrier_is_a_place_among_them() -> None:
    progress = uploads(deploying(100), {f"web{n}": 20e6 for n in range(1, 86)})
    for number in range(86, 101):
        through(progress, f"web{number}", "upload", "stage")
    assert phases(progress) == (
        "connect ✓100 ─ begin ✓100 ─ upload 15/100 ─ stage 15/100 ─┤BARRIER 15/100├─ switch ─ check ─ finish"
    )
    assert phases(progress, 80) == "✓─✓─upload 15/100─stage 15/100─┤BARRIER 15/100├─switch─check─finish"
    assert phases(progress, 58) == "✓─✓─upload 15/100─stage 15/100─┤BARRIER 15/100├─·─·─·"
    text = plain(draw.phase_line(progress, 110, ASCII))
    assert text.isascii() and "-[BARRIER 15/100]-" in text


def test_phases_that_no_server_goes_through_are_left_out() -> None:
    plan = {"tag": "a", "steps": [{"server": "web1", "action": "switch"}, {"server": "web2", "action": "none"}]}
    progress = deploying(2, kind="rollback")
    progress.apply(PlanMade(plan=plan))
    assert progress.phases == ("connect", "begin", "barrier", "switch", "check", "finish")
    through(progress, "web1", "switch")
    assert "switch ✓ ─" in phases(progress), "web2 is on it already and does not count"


def test_a_failed_phase_is_marked_with_the_number_of_servers() -> None:
    progress = deploying(3)
    progress.apply(PhaseStarted(server="web2", phase="upload", time=T))
    progress.apply(PhaseFinished(server="web2", phase="upload", seconds=1, outcome="failed", time=T + 1))
    assert "upload ✗1 ─" in phases(progress)


def test_the_bytes_of_all_servers_have_one_line() -> None:
    progress = uploads(deploying(3), {"web1": 20e6, "web2": 20e6, "web3": 10e6})
    assert plain(draw.bytes_line(progress, 100, T + 10, UNICODE)) == "50 of 123 MB · 5.6 MB/s ████████ · 10 s so far"
    assert draw.bytes_line(switched(deploying(3)), 100, T + 30, UNICODE) == ()


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (2_600_000_000, 4_100_000_000, "2.6 of 4.1 GB"),
        (981_000, 4_100_000_000, "981 kB of 4.1 GB"),
        (0, 500, "0 of 500 B"),
    ],
)
def test_amounts_name_their_unit_once(part: int, whole: int, text: str) -> None:
    assert draw.amounts(part, whole) == text


def test_what_is_read_before_anything_changes_is_named() -> None:
    progress = Progress("plan", "production", [], started=T)
    assert draw.state_words(progress) == ("starting", "busy")
    for what in ("staging", "production", "the tree"):
        progress.apply(Reading(what=what))
    assert draw.state_words(progress) == ("reading staging, production and the tree", "busy")
    for what in ("production", "staging"):
        progress.apply(Reading(what=what, over=True))
    assert draw.state_words(progress) == ("reading the tree", "busy")
    progress.apply(Reading(what="the tree", over=True))
    assert draw.state_words(progress) == ("starting", "busy")


def test_between_two_phases_it_is_not_called_starting() -> None:
    progress = deploying(3)
    assert draw.state_words(progress) == ("planning", "busy")
    switched(progress, 1)
    assert draw.state_words(progress) == ("switching 1 of 3", "busy")
    assert draw.state_words(switched(deploying(3))) == ("switched", "busy")
    nothing = Progress("deploy", "production", ["web1"], started=T)
    nothing.apply(OperationStarted(kind="deploy", environment="production", servers=("web1",)))
    assert draw.state_words(nothing) == ("starting", "busy")


def test_in_few_rows_the_slowest_are_shown_and_the_rest_is_counted() -> None:
    sent = {f"web{n}": 20e6 + n * 1e5 for n in range(1, 86)} | {"web7": 4e6}
    progress = uploads(deploying(100), sent)
    for number in range(86, 101):
        through(progress, f"web{number}", "upload", "stage")
    text = shown(progress, T + 10, 84, 8)
    assert text[3:] == [
        "◐ web7    ██▋░░░░░░░░░░░░░░░░░░░░░░░░░   10 %  4.0 MB of 41 MB    444 kB/s   1:23",
        "◐ web1    █████████████▋░░░░░░░░░░░░░░   49 %  20 MB of 41 MB     2.2 MB/s   0:09",
        "◐ web2    █████████████▊░░░░░░░░░░░░░░   49 %  20 MB of 41 MB     2.2 MB/s   0:09",
        "◐ web3    █████████████▊░░░░░░░░░░░░░░   50 %  20 MB of 41 MB     2.3 MB/s   0:09",
        "▸ 81 more uploading, median 60 %          ▸ 15 ready and waiting at the barrier",
    ]


@pytest.mark.parametrize("size", [(40, 8), (56, 10), (76, 12), (116, 14), (196, 28)])
@pytest.mark.parametrize("number", [1, 3, 20, 100])
def test_no_page_is_wider_or_higher_than_its_pane(number: int, size: tuple[int, int]) -> None:
    cells, rows = size
    states = [
        deploying(number),
        uploads(deploying(number), {f"web{n}": n * 1e5 for n in range(1, number + 1)}),
        switched(deploying(number), number // 2),
        switched(deploying(number)),
    ]
    for progress in states:
        lines = page(progress, None, T + 12, Frame(cells, rows, UNICODE, KEYS)).lines
        assert all(width(spans) <= cells for spans in lines)
        assert len(lines) <= rows


def test_every_server_has_its_row_once_for_who_scrolls() -> None:
    progress = uploads(deploying(100), {f"web{n}": n * 1e5 for n in range(1, 101)})
    found = page(progress, None, T + 10, Frame(90, 12, UNICODE, KEYS))
    rows = [plain(spans).split()[1] for spans in found.lines if plain(spans)[:1] in "◐!"]
    assert len(rows) + len(found.below) == 100 and not set(rows) & set(found.below)


def test_a_plan_that_a_server_tells_of_is_read_only_as_far_as_it_is_of_its_kind() -> None:
    progress = Progress("deploy", "production", ["web1"], started=T)
    steps = [{"server": "web1", "send_bytes": "many", "current": ["x"]}, {"server": "other", "send_bytes": 5}, 7]
    progress.take_plan({"tag": 3, "live": OLD + "\nx", "record": {"bytes": -5}, "steps": steps})
    assert (progress.tag, progress.content, progress.to_send) == ("", 0, 0)
    assert list(progress.servers) == ["web1"] and "\n" not in progress.live
