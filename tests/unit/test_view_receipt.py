"""How an operation ended: what is live, what it took, what failed and was put back, and what next."""

from __future__ import annotations

import pytest

from core.errors import ALL_BACK, CheckFailed, FleetError, LockedError, StateChanged, TurnoutError
from core.events import OperationFinished, PhaseFinished, PhaseStarted, Pruned, Switched, UploadProgress
from tests.operations import NEW, OLD, SIZE, T, checking, deploying, done, failed, going_back, staged, through
from tui.view.glyphs import ASCII, UNICODE, Glyphs
from tui.view.lines import plain
from tui.view.progress import Progress
from tui.view.receipt_lines import receipt_lines, receipt_text

KEYS = {"undo": "u", "changes": "c", "copy-receipt": "y"}
FAULT = FleetError(
    {
        "web2": CheckFailed(
            "/healthz answered 500", detail="body: boom", server="web2", phase="check", hint="look at the app's log"
        )
    },
    phase="check",
)


def receipt(
    progress: Progress, error: TurnoutError | None = None, cells: int = 100, glyphs: Glyphs = UNICODE
) -> list[str]:
    return [plain(spans).rstrip() for spans in receipt_lines(progress, error, cells, glyphs, KEYS)]


def good(servers: int = 3) -> Progress:
    progress = checking(deploying(servers), servers)
    progress.lived_before = 7200.0 - 17, progress.started
    return done(progress)


def test_a_release_lived_until_the_last_server_left_it_and_lives_on_where_one_did_not() -> None:
    progress = staged(deploying(2))
    progress.lived_before = 10.0, T + 5
    for name, at in (("web1", T + 21), ("web2", T + 60)):
        assert progress.lived == 0.0, f"it is live on {name}"
        through(progress, name, "switch", at=at, seconds=0.3)
        progress.apply(Switched(server=name, tag=NEW, previous=OLD, time=at + 0.2))
    assert progress.lived == 10.0 + 55
    progress.apply(Switched(server="web2", tag=OLD, previous=NEW, back=True, time=T + 70))
    assert progress.lived == 0.0


def test_nothing_is_said_before_the_end() -> None:
    assert receipt(checking(deploying(3), 3)) == []


def test_a_good_end_says_what_is_live_what_it_took_and_what_next() -> None:
    assert receipt(good(100), cells=110) == [
        "✓ 3f2c1ab LIVE on 100 in 27 s     was 9ab01cd (lived 2 h)",
        "  upload 12 s ████████   stage 4.0 s ███   barrier 1.0 s █   switch 0.3 s ▏   check 2.0 s █",
        "  sent 4.1 of 5.8 GB   checks 100/100",
        "  u undo (~3.0 s, nothing to send)   c changes   y copy for the channel",
    ]


def test_it_fits_a_narrow_pane_and_plain_ascii() -> None:
    assert receipt(good(), cells=50)[:4] == [
        "✓ 3f2c1ab LIVE on 3 in 27 s",
        "  was 9ab01cd (lived 2 h)",
        "  upload 12 s ████████   stage 4.0 s ███",
        "  barrier 1.0 s █   switch 0.3 s ▏   check 2.0 s █",
    ]
    assert "\n".join(receipt(good(), glyphs=ASCII)).isascii()
    assert receipt(good(1))[0].startswith("✓ 3f2c1ab LIVE on web1 in 27 s")


def test_the_slowest_server_is_named_with_the_reason() -> None:
    progress = deploying(3)
    for name, seconds in (("web1", 5), ("web2", 6), ("web3", 40)):
        progress.apply(PhaseStarted(server=name, phase="upload", time=T))
        progress.apply(UploadProgress(server=name, sent=0, total=SIZE, time=T))
        if name == "web3":
            progress.apply(UploadProgress(server=name, sent=1000, total=SIZE, time=T + 1))
            progress.apply(UploadProgress(server=name, sent=2000, total=SIZE, time=T + 32))
        progress.apply(PhaseFinished(server=name, phase="upload", seconds=seconds, time=T + seconds))
        through(progress, name, "stage", "switch", at=T + 40)
    assert "slowest web3 +34 s (upload, stalled 31 s)" in "\n".join(receipt(done(progress)))
    assert not any("slowest" in line for line in receipt(good())), "all took the same time"


def test_what_was_pruned_is_counted() -> None:
    progress = good()
    for name in progress.servers:
        progress.apply(Pruned(server=name, tag="x"))
    assert "pruned 1 release on 3 servers" in "\n".join(receipt(progress))


def test_undo_is_promised_only_what_is_known() -> None:
    progress = good()
    progress.servers["web3"].before = "20261101T000000Z-77e0d12"
    assert "  u undo   c changes   y copy for the channel" in receipt(progress), "web3 came from another release"


def test_a_first_deploy_offers_no_way_back() -> None:
    progress = good()
    for server in progress.servers.values():
        server.before = ""
    assert receipt(progress)[-1] == "  y copy for the channel"
    progress.servers["web3"].before = OLD
    assert receipt(progress)[-1] == "  u undo   c changes   y copy for the channel"


def test_other_operations_end_in_a_sentence() -> None:
    progress = Progress("prune", "production", ["web1"], started=T, phases=("connect", "begin", "finish"))
    through(progress, "web1", "connect", "begin")
    summary = "pruned 2 releases on 1 server, freed 7.0 MB"
    progress.apply(OperationFinished(kind="prune", outcome="done", exit_code=0, seconds=0.4, summary=summary))
    assert receipt(progress) == ["✓ pruned 2 releases on 1 server, freed 7.0 MB  in 0.4 s"]
    progress.finished = OperationFinished(
        kind="deploy", outcome="nothing-to-do", exit_code=0, seconds=0.4, summary="it is live on 3 servers already"
    )
    assert receipt(progress) == ["✓ it is live on 3 servers already"]


def test_a_failure_says_what_failed_where_what_was_put_back_what_is_live_and_what_next() -> None:
    progress = failed(going_back(checking(deploying(3), 0), 3))
    assert receipt(progress, FAULT) == [
        "↶ DEPLOY 3f2c1ab FAILED after 31 s",
        "  What    /healthz answered 500",
        "  Where   web2 in check",
        "          body: boom",
        "  Back    web1, web2, web3 switched back",
        "  Live    9ab01cd on 3 servers",
        "  Next    look at the app's log",
        "  y copy for the channel",
    ]


def test_what_was_put_back_is_not_said_twice() -> None:
    error = TurnoutError("the hook failed", hint=ALL_BACK)
    text = receipt(failed(going_back(checking(deploying(3), 0), 3)), error)
    assert "\n".join(text).count("switched back") == 1 and "  Next    the Log tab has every line" in text


def test_a_failure_before_the_switch_put_nothing_back() -> None:
    progress = failed(deploying(3))
    text = receipt(progress, TurnoutError("the disk is full", server="web2", phase="upload"))
    assert text[0] == "✗ DEPLOY 3f2c1ab FAILED after 31 s"
    assert "  Back    nothing was switched, so nothing had to be put back" in text
    assert "  Live    9ab01cd on 3 servers" in text
    assert "  Next    the Log tab has every line" in text


def test_servers_that_are_left_on_the_new_release_are_named() -> None:
    text = receipt(failed(going_back(checking(deploying(3), 0), 2)))
    assert "  Back    web1, web2 switched back, web3 NOT switched back" in text
    assert "  Live    9ab01cd on 2 servers, 3f2c1ab on web3" in text


def test_an_end_that_nobody_knows_needs_a_person() -> None:
    text = receipt(failed(checking(deploying(3), 0), outcome="needs-person"))
    assert text[0] == "✗ DEPLOY 3f2c1ab NEEDS A PERSON after 31 s"
    assert "  State   the check failed (web2, check)" in text
    assert text[-2].startswith("  Next    check which release is live on each server")


def test_a_cancelled_operation_is_not_called_failed() -> None:
    text = receipt(failed(deploying(3), outcome="cancelled"))
    assert text[0] == "✗ DEPLOY 3f2c1ab CANCELLED after 31 s"
    assert "  Next    nothing needs to be done" in text and "FAILED" not in "\n".join(text)


def test_what_is_copied_is_plain_text_for_people_who_were_not_there() -> None:
    assert receipt_text(good(), None, "shop", "ana@laptop") == (
        "shop production: ✓ 3f2c1ab LIVE on 3 in 27 s, was 9ab01cd (lived 2 h)\n"
        "  Fix cart totals for mixed VAT · by ana@laptop\n"
        "  upload 12 s, stage 4.0 s, barrier 1.0 s, switch 0.3 s, check 2.0 s\n"
        "  sent 123 of 174 MB, checks 3/3"
    )
    text = receipt_text(failed(going_back(checking(deploying(3), 0), 3)), FAULT, "shop", "ana@laptop")
    assert text.splitlines()[0] == "shop production: ↶ DEPLOY 3f2c1ab FAILED after 31 s"
    assert "Live 9ab01cd on 3 servers" in text


@pytest.mark.parametrize("error", [StateChanged("web1 changed since the plan was made"), LockedError("bo@ci deploys")])
def test_of_a_refused_operation_it_does_not_say_what_is_live(error: TurnoutError) -> None:
    text = receipt(failed(deploying(2)), error)
    assert not [row for row in text if row.startswith("  Live")], "the plan's word for it is old"
    assert "nothing was switched" in "\n".join(text)


def test_the_same_revision_live_again_is_told_apart_from_what_was_live() -> None:
    progress = good()
    assert receipt(progress)[0].split()[1] == "3f2c1ab"
    progress.known = ["20261101T000000Z-3f2c1ab"]
    first = receipt(progress)[0]
    assert "3f2c1ab@11-" in first and "3f2c1ab@11-01" not in first


def test_a_bad_end_says_where_there_is_more() -> None:
    progress = checking(deploying(2), 2)
    said = [plain(spans).rstrip() for spans in receipt_lines(progress, FAULT, 100, UNICODE, KEYS, "the-switch")]
    *before, last = receipt(progress, FAULT)
    assert said == [*before, f"{last}   more: turnout help the-switch"]


def test_no_line_carries_a_whole_commit() -> None:
    commit = "27cb3de4f0" + "ab" * 15
    told = CheckFailed(f"http://127.0.0.1/healthz has {commit}", detail=f"the answer does not contain '{commit}'")
    progress = failed(going_back(checking(deploying(3), 1), 3))
    lines = receipt_lines(progress, FleetError({"web2": told.at(server="web2", phase="check")}), 76, UNICODE, {})
    text = " ".join(plain(spans) for spans in lines)
    assert "has 27cb3de" in text and "does not contain '27cb3de'" in text and commit not in text
