"""Progress: what the events of an operation add up to, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from core.changes import Commit, PlanChanges
from core.errors import CheckFailed, FleetError
from core.events import (
    BatchStarted,
    CheckAttempted,
    Event,
    HookFinished,
    HookOutput,
    HookStarted,
    Note,
    OperationFinished,
    OperationStarted,
    PhaseFinished,
    PhaseStarted,
    PlanMade,
    Pruned,
    Switched,
    UploadProgress,
)
from tests.operations import AT_ONCE, deploying
from tests.tui.recorded import tag
from tui.view import progress_lines as draw
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width
from tui.view.operation_lines import heading, state_words
from tui.view.progress import MOST_NOTES, Progress
from tui.view.progress_rest import MOST_SAID, rest_lines

T = 1000.0
SERVERS = ("web1", "web2", "web3")


def follow(*events: Event, kind: str = "deploy") -> Progress:
    progress = Progress(kind, "production", SERVERS, started=T, phases=AT_ONCE)
    for event in events:
        progress.apply(event)
    return progress


def phase(server: str, *names: str, at: float = T) -> Iterable[Event]:
    """Phases that have ended on a server, each within half a second."""
    for name in names:
        yield PhaseStarted(server=server, phase=name, time=at)
        yield PhaseFinished(server=server, phase=name, seconds=0.5, time=at + 0.5)


def uploading(sent: int = 36_000_000, total: int = 58_000_000, now: float = T + 10) -> Progress:
    return follow(
        *phase("web1", "connect", "begin"),
        PhaseStarted(server="web1", phase="upload", time=T + 1),
        UploadProgress(server="web1", sent=0, total=total, files=0, files_total=50, time=now - 3),
        UploadProgress(server="web1", sent=sent, total=total, files=20, files_total=50, time=now),
    )


def row(progress: Progress, now: float = T + 10, cells: int = 150, name: str = "web1") -> str:
    return plain(draw.server_progress_line(progress, name, cells, now, UNICODE, 4))


def test_an_upload_shows_bar_bytes_rate_and_time_left() -> None:
    assert row(uploading(), cells=90) == (
        "◐ web1  █████████████████▍░░░░░░░░░░   62 %  36 MB of 58 MB      12 MB/s   0:02"
    )


def test_silence_is_called_stalled_with_its_seconds_in_a_bar_of_the_same_length() -> None:
    assert row(uploading(), now=T + 22, cells=90) == (
        "! web1  █████████████████▍░░░░░░░░░░   62 %  36 MB of 58 MB     stalled 12 s   "
    )
    for cells in (40, 52, 60, 74, 120):
        moving, still = row(uploading(), cells=cells), row(uploading(), now=T + 22, cells=cells)
        assert [moving.count(sign) for sign in "█▍░"] == [still.count(sign) for sign in "█▍░"]


def test_a_finished_upload_is_not_called_stalled() -> None:
    assert "stalled" not in row(uploading(sent=58_000_000), now=T + 60)


def test_the_rate_forgets_what_is_long_ago() -> None:
    progress = uploading()
    for second in range(11, 31):
        progress.apply(
            UploadProgress(server="web1", sent=36_000_000 + second * 1000, total=58_000_000, time=T + second)
        )
    assert progress.of("web1").rate(T + 30) == pytest.approx(1000, rel=0.3)


def test_a_terminal_without_a_line_of_phases_has_their_signs_in_each_row() -> None:
    text = plain(draw.server_progress_line(uploading(), "web1", 60, T + 10, UNICODE, 4, signs=True))
    assert text.startswith("◐ web1  ✓✓▸·····  █")


@pytest.mark.parametrize("cells", [20, 40, 52, 80, 120, 165, 220])
def test_no_row_is_wider_than_the_pane(cells: int) -> None:
    progress = uploading()
    for now in (T + 10, T + 40):
        for name in SERVERS:
            assert width(draw.server_progress_line(progress, name, cells, now, UNICODE, 4)) <= cells


def test_the_hook_that_runs_and_its_last_line_are_shown() -> None:
    progress = follow(
        PhaseStarted(server="web1", phase="stage", time=T),
        HookStarted(server="web1", on="prepare", run="composer install", time=T),
        HookOutput(server="web1", on="prepare", line="  - Installing \x1b[32mmonolog\x1b[0m", time=T),
    )
    text = row(progress, now=T + 4)
    assert "composer install 4.0 s" in text and "- Installing monolog" in text
    progress.apply(HookFinished(server="web1", on="prepare", run="composer install", status=0, seconds=4, time=T))
    assert "composer" not in row(progress)


def test_checks_count_their_attempts_and_show_what_became_of_each() -> None:
    check = CheckAttempted(server="web1", check="/healthz", attempt=1, attempts=10, passed=False, detail="503")
    progress = follow(PhaseStarted(server="web1", phase="check", time=T), check, replace(check, attempt=2))
    assert row(progress) == "◐ web1  ✗✗ check 2 of 10: 503"
    activity = draw.activity(progress, "web1", T, UNICODE)
    assert activity is not None and activity.text == "check 2 of 10"
    progress.apply(replace(check, attempt=3, passed=True, seconds=0.21))
    assert row(progress) == "◐ web1  ✗✗✓ check 3 of 10: passed in 0.2 s"


def test_between_its_phases_a_server_says_where_it_is() -> None:
    """Else its row would show the phase of the lock as it was at some look before."""
    batches, steps = [["web1"], ["web2"], ["web3"]], [{"server": name, "action": "switch"} for name in SERVERS]
    progress = follow(PlanMade(plan={"tag": "new", "batches": batches, "steps": steps}, time=T))
    progress.to_come = ("connect", "begin", "barrier", "drain", "switch", "check", "finish")

    def told() -> list[str]:
        said = [draw.activity(progress, name, T, UNICODE) for name in ("web1", "web2", "web3")]
        return [each.text if each else "" for each in said]

    assert told() == ["", "", ""]
    for name in SERVERS:
        progress.apply(PhaseFinished(server=name, phase="begin", seconds=1, outcome="ok", time=T))
    assert told() == ["ready for batch 1 of 3", "ready for batch 2 of 3", "ready for batch 3 of 3"]
    progress.apply(BatchStarted(number=1, batches=3, servers=("web1",), time=T))
    progress.apply(PhaseFinished(server="web1", phase="drain", seconds=1, outcome="ok", time=T))
    assert told()[:2] == ["drained", "ready for batch 2 of 3"]
    progress.apply(Switched(server="web1", tag="new", previous="old", time=T))
    assert told()[0] == "on new"
    progress.apply(PhaseFinished(server="web1", phase="check", seconds=1, outcome="ok", time=T))
    assert told()[0] == "on new, checked"
    progress.apply(Switched(server="web1", tag="old", previous="new", back=True, time=T))
    assert told()[0] == "back on old"


def test_the_switch_shows_on_its_server_when_it_happens() -> None:
    progress = follow(*phase("web1", "switch"), Switched(server="web1", tag=tag(0), previous=tag(1)))
    assert "live on 3f2c1ab" in row(progress)
    assert "live on" not in row(progress, name="web2")


def test_a_switch_back_is_said() -> None:
    progress = follow(Switched(server="web1", tag=tag(1), previous=tag(0), back=True))
    assert "switched back to 9ab01cd" in row(progress)


def test_a_phase_of_the_whole_fleet_counts_for_every_server() -> None:
    progress = follow(PhaseStarted(phase="barrier", time=T))
    assert progress.running("web2") == "barrier"
    assert row(progress, name="web2") == "◐ web2  ready, nothing has changed yet"


def test_the_build_is_above_the_servers() -> None:
    progress = follow(
        PhaseStarted(phase="build", time=T),
        HookStarted(on="build", run="npm run build", time=T),
        HookOutput(on="build", line="webpack 5 compiled"),
    )
    text = plain(draw.fleet_line(progress, 120, T + 2, UNICODE))
    assert "build 2.0 s" in text and "npm run build" in text and "webpack 5 compiled" in text


def test_an_operation_that_has_said_nothing_yet_is_called_by_its_kind() -> None:
    assert heading(follow(kind="clear-cache")) == "Clear-cache on production"


def test_the_phases_that_are_to_come_are_those_that_the_operation_names() -> None:
    progress = follow(OperationStarted(kind="x", environment="e", servers=SERVERS, phases=("connect", "switch")))
    assert progress.phases == ("connect", "switch")


def test_pruned_releases_and_freed_bytes_add_up() -> None:
    progress = follow(
        Pruned(server="web1", tag=tag(5), freed=3_000_000), Pruned(server="web1", tag=tag(6), freed=4_000_000)
    )
    assert "pruned 2 releases, freed 7.0 MB" in row(progress)


def test_pruned_releases_whose_bytes_nobody_measured_free_no_figure() -> None:
    progress = follow(Pruned(server="web1", tag=tag(5), freed=3_000_000), Pruned(server="web1", tag=tag(6)))
    assert "pruned 2 releases" in row(progress) and "freed" not in row(progress)


def test_several_failed_servers_are_all_named_up_to_a_limit() -> None:
    errors = {f"web{n}": CheckFailed("no") for n in range(1, 10)}
    lines = [plain(spans) for spans in draw.error_lines(FleetError(errors, phase="check"), 80, UNICODE)]
    assert sum("Where" in text for text in lines) == 6
    assert lines[-1].strip() == "and 3 servers more"


def test_warnings_are_kept_in_sight_and_mere_notes_are_not() -> None:
    progress = follow(Note(server="web1", text="cache was unknown", level="warning"), Note(text="fine"))
    assert [plain(spans) for spans in draw.notes_lines(progress, 80, UNICODE)] == ["! web1: cache was unknown"]


def test_the_phases_to_come_are_those_of_the_kind_and_at_the_end_those_that_were() -> None:
    assert follow(*phase("web1", "connect")).phases == AT_ONCE
    ended = follow(
        *phase("web1", "connect", "begin"),
        OperationFinished(kind="deploy", outcome="done", exit_code=0, seconds=1, summary=""),
    )
    assert ended.phases == ("connect", "begin")


def test_servers_say_in_their_row_what_is_done_there() -> None:
    activity = draw.activity(uploading(), "web1", T + 10, UNICODE)
    assert activity is not None and activity.text == "uploading 62 %"
    stalled = draw.activity(uploading(), "web1", T + 20, UNICODE)
    assert stalled is not None and stalled.text == "stalled 10 s"


def test_the_ascii_set_draws_a_bar_in_ascii() -> None:
    text = plain(draw.server_progress_line(uploading(), "web1", 100, T + 10, ASCII, 4))
    assert text.isascii() and "#" in text


def test_servers_that_the_operation_has_nothing_to_do_with_are_not_waited_for() -> None:
    progress = follow(
        OperationStarted(kind="deploy", environment="production", servers=("web3",)),
        PhaseStarted(server="web3", phase="stage"),
    )
    assert list(progress.servers) == ["web3"]
    assert state_words(progress) == ("staging", "busy")


def test_a_start_that_names_nobody_changes_nothing() -> None:
    assert list(follow(OperationStarted(kind="deploy", environment="production", servers=())).servers) == list(SERVERS)


def test_warnings_without_end_take_bounded_memory_and_are_counted() -> None:
    progress = Progress("deploy", "production", ["web1"], started=0.0)
    for number in range(100_000):
        progress.apply(Note(server="web1", text=f"warning {number}", level="warning"))
    assert len(progress.notes) < 2 * MOST_NOTES
    assert progress.notes_dropped + len(progress.notes) == 100_000
    lines = [plain(spans) for spans in draw.notes_lines(progress, 80, UNICODE)]
    assert lines[0] == "! 99,992 earlier warnings: in the Log tab" and lines[-1].endswith("warning 99999")


def test_a_million_events_leave_no_more_than_their_servers() -> None:
    progress = Progress("deploy", "production", ["web1", "web2"], started=0.0)
    for number in range(250_000):
        server = f"web{number % 2 + 1}"
        progress.apply(HookOutput(server=server, on="prepare", line=f"line {number}"))
        progress.apply(UploadProgress(server=server, sent=number, total=250_000, time=number / 100))
        progress.apply(CheckAttempted(server=server, check="/healthz", attempt=1, attempts=1, passed=True))
        progress.apply(Note(server=server, text="fine"))
    assert set(progress.servers) == {"web1", "web2"} and not progress.notes
    assert all(len(server.samples) < 1000 for server in progress.servers.values())


def test_only_servers_that_may_have_switched_have_an_unknown_outcome() -> None:
    progress = deploying(2)
    progress.apply(PhaseStarted(server="web2", phase="switch", time=T))
    end = {"kind": "deploy", "outcome": "needs-person", "exit_code": 1, "seconds": 2.0, "summary": "changes are frozen"}
    progress.apply(OperationFinished(time=T + 2, **end))
    begun, switching = (
        plain(draw.server_progress_line(progress, name, 100, T + 3, UNICODE, 6)) for name in progress.servers
    )
    assert "not switched" in begun and "unknown" not in begun
    assert "outcome unknown: check which release is live there" in switching


def roomy(*events: Event) -> Progress:
    progress = follow(*events)
    named = (Commit("3f2c1ab" + "0" * 33, "Fix cart totals", "Ana Gomez", 0.0),)
    progress.changes = PlanChanges(old=tag(1), new=tag(0), added=1, added_named=named, files_added=2)
    return progress


def test_where_there_is_room_the_changes_and_the_last_lines_are_below_the_servers() -> None:
    said = [HookOutput(server="web1", on="prepare", line=f"step {number}", time=T) for number in range(60)]
    wide = [plain(spans) for spans in rest_lines(roomy(*said), 200, 20, UNICODE)]
    assert wide[0] == "" and len(wide) <= 20
    assert wide[1].startswith("━━ changes 9ab01cd..3f2c1ab ") and "━━ last lines ━" in wide[1]
    assert any("Fix cart totals" in text for text in wide)
    assert wide[-1].endswith("web1  | step 59") and f"web1  | step {60 - MOST_SAID}" in wide[2]
    narrow = [plain(spans) for spans in rest_lines(roomy(*said[:3]), 76, 20, UNICODE)]
    assert narrow[1].startswith("━━ last lines ") and narrow[6].startswith("━━ changes ")
    assert rest_lines(roomy(*said), 200, 4, UNICODE) == [], "too few rows"
    assert rest_lines(follow(), 200, 40, UNICODE) == [], "nothing to tell"


def test_the_rest_of_a_page_never_overflows() -> None:
    said = [HookOutput(server=name, on="prepare", line="x" * 300, time=T) for name in SERVERS for _ in range(9)]
    for cells in (40, 58, 80, 119, 120, 200):
        for rows in range(40):
            out = rest_lines(roomy(*said), cells, rows, UNICODE)
            assert len(out) <= rows and all(width(spans) <= cells for spans in out)


def test_a_wide_row_ends_with_the_phases_that_are_over() -> None:
    progress = follow(*phase("web1", "connect", "begin"), PhaseStarted(server="web1", phase="stage", time=T + 1))
    row = plain(draw.server_progress_line(progress, "web1", 120, T + 5, UNICODE, 4))
    assert row.endswith("connect 0.5 s · begin 0.5 s") and width(draw.line(row)) == 120
    assert "connect" not in plain(draw.server_progress_line(progress, "web1", 40, T + 5, UNICODE, 4))
