"""Plans: what is refused, what travels, what is pruned and what never is; all from state alone."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.disk_space import HEADROOM, SPARE_INODES
from core.manifest import EMPTY, FOLDER_ENTRY, Manifest, link
from core.operations.kinds.pin import is_pinned
from core.operations.notices import plan_notice, unknown
from core.plan import NO_SPACE, NONE, NOT_A_LINK, REMOVE, STAGE, SWITCH, UPLOAD, Sizes
from core.planner.deploy import plan_deploy
from core.planner.oddities import adoption
from core.planner.prune import plan_prune
from core.planner.release import PlanSettings
from core.planner.rollback import Source, plan_rollback, rollback_target
from core.records import Pin, Record, Release, ServerState, live_tag, previous_tag
from core.retention import FAILED_KEPT, beyond, protection
from core.rows.plan import plan_row
from core.shared import SharedPath
from tests import states
from tests.strategies import file_entry

OLD = Manifest({b"d": FOLDER_ENTRY, b"d/a": file_entry(b"one\n"), b"gone": file_entry(b"x" * 1000)})
NEW = Manifest({b"d": FOLDER_ENTRY, b"d/a": file_entry(b"one\n"), b"new": file_entry(b"two\n")})
SETTINGS = PlanSettings(keep=2)


def record(tag: str, seq: int, tree: Manifest = NEW, **more: Any) -> Record:
    return Record(tag=tag, seq=seq, created=float(seq), source="git", digest=tree.digest, bytes=tree.bytes, **more)


def release(
    tag: str, seq: int = 0, *, live: bool = False, present: bool = True, tree: Manifest = NEW, **more: Any
) -> Release:
    of = record(tag, seq, tree, **more) if seq else None
    return Release(tag=tag, record=of, present=present, live=live, mtime=float(len(tag)))


def state(server: str, *releases: Release, **more: Any) -> ServerState:
    return states.state(server, *releases, **{"cache_empty": True, **more})


def deploy(
    *states: ServerState, cache: Manifest | None = None, settings: PlanSettings = SETTINGS, of: Record | None = None
):
    return plan_deploy(
        "production", states, of or record("new", 9), NEW, {item.server: cache for item in states}, settings
    )


def rollback(*states: ServerState, tag: str | None = None, manifest: Manifest | None = None, problem: str = ""):
    row, _ = rollback_target(states, tag)
    sources = {row.tag: Source(manifest, problem)} if row else {}
    return plan_rollback("production", states, tag, sources, {}, SETTINGS)


def prune(*states: ServerState, tags: tuple[str, ...] = (), keep: int | None = None, cache: bool = False):
    sizes = {item.server: Sizes({"": 7, **dict.fromkeys(item.releases, 100)}) for item in states}
    return plan_prune("production", states, tags, keep, cache, sizes)


def test_a_first_deploy_sends_everything() -> None:
    (step,) = deploy(state("web1")).steps
    assert (step.action, step.send_bytes, step.send_files, step.copy_bytes) == (UPLOAD, NEW.bytes, 2, NEW.bytes)
    assert step.exact and not step.refusal


def test_only_what_the_cache_has_not_is_sent() -> None:
    (step,) = deploy(state("web1"), cache=OLD).steps
    assert (step.action, step.send_bytes, step.send_files, step.remove_entries) == (UPLOAD, 4, 1, 1)
    assert step.price() == "send 4 B in 1 file, copy 8 B, switch"


def test_nothing_is_sent_where_the_cache_has_all() -> None:
    (step,) = deploy(state("web1"), cache=NEW).steps
    assert (step.action, step.send_bytes) == (STAGE, 0)


def test_an_unknown_cache_makes_the_price_an_upper_bound() -> None:
    (step,) = deploy(state("web1", cache_empty=False)).steps
    assert not step.exact
    assert "at most" in step.price()


def test_the_same_tag_with_the_same_tree_is_no_work() -> None:
    plan = deploy(state("web1", release("new", 9, live=True)), state("web2", release("new", 9)))
    assert [step.action for step in plan.steps] == [NONE, SWITCH]
    assert plan.executable and not plan.nothing_to_do
    assert deploy(state("web1", release("new", 9, live=True))).nothing_to_do


@pytest.mark.parametrize("present", [True, False])
def test_the_same_tag_with_another_tree_is_refused(present: bool) -> None:
    plan = deploy(state("web1", release("new", 3, tree=OLD, present=present)), state("web2"))
    assert not plan.executable
    (reason,) = plan.all_refusals
    assert reason.startswith("web1: new ") and "other content" in reason


def test_the_same_tag_without_a_record_is_refused_for_its_content_is_unknown() -> None:
    (reason,) = deploy(state("web1", release("new"))).all_refusals
    assert "without a record, so its content is unknown" in reason and "other content" not in reason


def test_the_tag_of_a_folder_that_nobody_recorded_is_refused() -> None:
    assert not deploy(state("web1", release("new"))).executable


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_current_that_is_not_a_link_is_refused_with_the_command_that_adopts_it(kind: str) -> None:
    plan = deploy(state("web1", current_kind=kind))
    assert not plan.executable
    adopts = "cd /srv && " if kind == "folder" else "move it away"
    assert adopts in plan.all_refusals[0] and plan.steps[0].refusal.kind == NOT_A_LINK
    assert not rollback(state("web1", release("a", 1), current_kind=kind), tag="a").executable
    assert "is a " + kind in rollback(state("web1", current_kind=kind), tag=None).all_refusals[0]


def test_the_command_that_adopts_a_folder_takes_a_free_name_and_any_root() -> None:
    odd = replace(state("web1", release("before-turnout"), current_kind="folder"), root="/srv/my app's")
    command = adoption(odd)
    assert shlex.split(command)[:2] == ["cd", "/srv/my app's"]
    assert "mv -T current releases/before-turnout-2" in command


def test_what_does_not_fit_is_refused_with_the_numbers() -> None:
    need = len(NEW.entries) * 2 * 4096 + HEADROOM
    assert deploy(state("web1", free_bytes=need)).executable
    refused = deploy(state("web1", free_bytes=need - 1))
    assert refused.all_refusals == ("web1: not enough space: 25 kB needed, plus 17 MB to keep free; only 17 MB free",)
    inodes = len(NEW.entries) * 2 + SPARE_INODES
    assert deploy(state("web1", free_inodes=inodes)).executable
    refused = deploy(state("web1", free_inodes=inodes - 1))
    assert refused.all_refusals == ("web1: not enough inodes: 6 needed, 105 free",)
    assert [step.refusal.kind for step in refused.steps] == [NO_SPACE]
    assert deploy(state("web1", free_bytes=-1, free_inodes=-1)).executable, "a server that does not tell is trusted"


def test_only_what_the_cache_has_not_needs_room_there() -> None:
    need = (1 + len(NEW.entries)) * 4096 + HEADROOM
    assert deploy(state("web1", free_bytes=need), cache=OLD).executable
    assert not deploy(state("web1", free_bytes=need - 1), cache=OLD).executable


def test_with_hard_links_a_release_needs_room_for_its_folders_alone() -> None:
    shared = replace(SETTINGS, hard_links=True)
    need = (len(NEW.entries) + 1) * 4096 + HEADROOM
    assert deploy(state("web1", free_bytes=need), settings=shared).executable
    assert not deploy(state("web1", free_bytes=need - 1), settings=shared).executable
    inodes = len(NEW.entries) + 1 + SPARE_INODES
    assert deploy(state("web1", free_inodes=inodes), settings=shared).executable
    assert not deploy(state("web1", free_inodes=inodes - 1), settings=shared).executable


@pytest.mark.parametrize("block", [512, 4096, 65536])
def test_many_small_files_need_a_block_each_and_cost_their_content(block: int) -> None:
    tree = Manifest({f"f{number}".encode(): file_entry(b"ten bytes\n") for number in range(1000)})
    need = 2 * 1000 * block + HEADROOM

    def plan(free: int):
        server = state("web1", free_bytes=free, block=block)
        return plan_deploy("production", [server], record("new", 9, tree), tree, {"web1": None}, SETTINGS)

    assert plan(need).executable
    assert plan(need).steps[0].price() == "send 10 kB in 1,000 files, copy 10 kB, switch"
    assert not plan(need - 1).executable


def test_of_an_unknown_cache_only_what_fits_in_no_case_is_refused() -> None:
    def plan(holds: int, entries: int = 0, **free: int):
        return deploy(state("web1", cache_empty=False, cache_bytes=holds, cache_entries=entries, **free))

    tree = len(NEW.entries) * 4096
    assert plan(tree - 4096, free_bytes=tree + 4096 + HEADROOM).executable
    assert not plan(tree - 4096, free_bytes=tree + 4095 + HEADROOM).executable
    assert plan(10 * tree, free_bytes=tree + HEADROOM).executable
    assert not plan(10 * tree, free_bytes=tree + HEADROOM - 1).executable, "the release is a copy in any case"
    assert plan(0, 2, free_inodes=1 + 3 + SPARE_INODES).executable
    assert not plan(0, 2, free_inodes=3 + SPARE_INODES).executable


def test_a_deploy_keeps_the_newest_and_the_way_back() -> None:
    releases = [release(f"r{seq}", seq, live=seq == 2) for seq in range(1, 7)]
    (step,) = deploy(state("web1", *releases)).steps
    # keep = 2: the coming one and r6; r2 is live now and becomes the one before.
    assert step.prune == ("r1", "r3", "r4", "r5")


def test_releases_that_failed_take_no_place_of_good_ones() -> None:
    """Ten deploys in a row that fail their checks leave the way back to every good release that is kept."""
    good = [release(f"g{seq}", seq, live=seq == 3) for seq in range(1, 4)]
    bad = [release(f"b{seq}", seq, failed="its checks") for seq in range(4, 14)]
    (step,) = deploy(state("web1", *good, *bad), settings=PlanSettings(keep=3)).steps
    # g3 is live and the one before the coming one; of those that failed the newest three are left to look at.
    assert step.prune == ("g1", "b4", "b5", "b6", "b7", "b8", "b9", "b10")
    assert prune(state("web1", *good, *bad), keep=3).steps[0].prune == tuple(f"b{seq}" for seq in range(4, 11))


def test_releases_that_never_went_live_take_no_place_of_good_ones_either() -> None:
    good = [release(f"g{seq}", seq, live=seq == 2) for seq in range(1, 3)]
    unused = [replace(release(f"u{seq}", seq), unused=True) for seq in range(3, 9)]
    assert prune(state("web1", *good, *unused), keep=2).steps[0].prune == ("u3", "u4", "u5")


def test_one_that_failed_and_is_live_all_the_same_is_kept_as_a_good_one() -> None:
    releases = [release("a", 1), release("b", 2, failed="x", live=True), release("c", 3)]
    assert beyond(state("web1", *releases), 2, set()) == ["a"]
    assert beyond(state("web1", *releases), 1, set()) == ["a"]


def test_a_pin_keeps_a_release_on_every_server_and_takes_no_place() -> None:
    pins = {"p": Pin(by="ana@laptop", why="the last one with the old schema")}
    releases = [replace(release("p", 1), pin=pins["p"]), *[release(f"r{seq}", seq, live=seq == 4) for seq in (2, 3, 4)]]
    web1, web2 = replace(state("web1", *releases), pins=pins), state("web2", *releases[1:])
    assert beyond(web1, 2, set()) == ["r2"]
    assert prune(web1, web2, tags=("p",)).all_refusals == ("p is pinned on web1 (the last one with the old schema)",)


def test_a_pin_is_planned_for_all_servers_that_lack_it() -> None:
    web1 = replace(state("web1", release("r1", 1, live=True)), pins={"r1": Pin()})
    web2 = state("web2", release("r2", 2, live=True))
    plan = plan_notice("production", [web1, web2], "pin", lambda state: is_pinned(state, "r1"), "r1")
    assert [step.action for step in plan.steps] == [NONE, "pin"]
    assert unknown([web1, web2], "r2") == "" and unknown([web1], "r9") == 'there is no release "r9"'
    # One that its record says is pinned is unpinned too.
    by_record = state("web1", release("r1", 1, pinned=True))
    assert is_pinned(by_record, "r1", record=True) and not is_pinned(by_record, "r1")


seqs = st.lists(st.integers(0, 6), max_size=8)


@st.composite
def servers(draw: st.DrawFn) -> ServerState:
    releases = {}
    for number, seq in enumerate(draw(seqs)):
        tag = f"t{number}"
        releases[tag] = (
            release(
                tag,
                seq,
                present=draw(st.booleans()),
                pinned=draw(st.booleans()),
                failed=draw(st.sampled_from(["", "x"])),
            )
            if seq
            else release(tag, present=True)
        )
    present = [tag for tag, item in releases.items() if item.present]
    live = draw(st.sampled_from(present)) if present and draw(st.booleans()) else ""
    if live:
        releases[live] = replace(releases[live], live=True)
    return state("web1", *releases.values())


@given(servers(), st.integers(1, 5), st.booleans())
def test_what_is_beyond_is_old_present_and_never_protected(server: ServerState, keep: int, coming: bool) -> None:
    live, previous = live_tag([server]), previous_tag([server])
    chosen = beyond(server, keep, {live, previous}, coming="coming" if coming else "", for_ever=True)
    automatic = beyond(server, keep, {live, previous}, coming="coming" if coming else "")
    assert automatic == [tag for tag in chosen if server.releases[tag].record], "the others cannot be made again"
    assert server.current or automatic == chosen, "where no link says what is live, they stay all the more"
    assert len(chosen) == len(set(chosen))
    left = [item for item in server.ordered if item.present and item.tag not in chosen]
    for tag in chosen:
        item = server.releases[tag]
        assert item.present and tag not in (server.current, live, previous)
        assert not item.pinned
        assert not protection([server], tag, live, previous)
    wanted = keep - (1 if coming else 0)
    present = [item for item in server.ordered if item.present]
    newest = [item for item in present if item.good or item.live][: max(wanted, 0)]
    newest += [item for item in present if not (item.good or item.live)][:FAILED_KEPT]
    assert all(item in left for item in newest)
    protected = [item for item in left if item not in newest and (item.record or server.current)]
    assert all(protection([server], item.tag, live, previous) for item in protected)
    assert chosen == [item.tag for item in reversed(server.ordered) if item.tag in chosen], "the oldest first"


@given(servers(), st.integers(1, 5))
def test_a_deploy_never_prunes_what_it_needs(server: ServerState, keep: int) -> None:
    (step,) = deploy(server, settings=PlanSettings(keep=keep)).steps
    assert server.current not in step.prune and "new" not in step.prune


def test_a_rollback_switches_where_the_files_are() -> None:
    web1 = state("web1", release("a", 1), release("b", 2, live=True))
    web2 = state("web2", release("a", 1, live=True), release("b", 2))
    plan = rollback(web1, web2, tag="a")
    assert [step.action for step in plan.steps] == [SWITCH, NONE]
    assert plan.record == record("a", 1) and plan.tag == "a"
    assert [step.current for step in plan.steps] == ["b", "a"] and not plan.warnings, "it is said once, by the steps"


def test_a_rollback_without_a_tag_goes_to_the_previous_one() -> None:
    releases = [release("a", 1), release("b", 2, failed="checks"), release("c", 3, live=True)]
    assert rollback(state("web1", *releases)).tag == "a"
    refused = rollback(state("web1", release("a", 1, live=True)))
    assert refused.all_refusals == ("there is no earlier release to go back to",)


def test_a_rollback_to_an_unknown_release_is_refused() -> None:
    plan = rollback(state("web1", release("a", 1), release("b", 2)), tag="q")
    assert plan.all_refusals == ('there is no release "q"',)


def test_a_rollback_sends_pruned_files_again() -> None:
    web1 = state("web1", release("a", 1, present=False), release("b", 2, live=True))
    web2 = state("web2", release("a", 1), release("b", 2, live=True))
    plan = rollback(web1, web2, tag="a", manifest=NEW)
    assert [(step.action, step.send_bytes) for step in plan.steps] == [(UPLOAD, NEW.bytes), (SWITCH, 0)]


def test_a_rollback_whose_content_is_gone_says_so_before_anything_starts() -> None:
    web1 = state("web1", release("a", 1, present=False), release("b", 2, live=True))
    plan = rollback(web1, tag="a", problem="the content of a is gone")
    assert plan.all_refusals == ("web1: the content of a is gone",)
    unrecorded = state("web2", release("b", 2, live=True))
    other = rollback(state("web1", release("hand"), release("b", 2, live=True)), unrecorded, tag="hand")
    assert not other.executable and "web2: its files are gone" in other.all_refusals[0]


def test_a_new_server_that_cannot_get_what_undo_goes_to_stays_and_keeps_no_other_from_it() -> None:
    old = [state(name, release("a", 1), release("b", 2, live=True)) for name in ("web1", "web2")]
    new = state("web3", release("b", 2, live=True))
    plan = rollback(*old, new, problem="no clone here")
    assert [(step.action, step.stays, step.tag) for step in plan.steps] == [
        (SWITCH, False, ""), (SWITCH, False, ""), (NONE, True, "b"),
    ]  # fmt: skip
    assert plan.executable and plan.steps[2].price().endswith("and a cannot be sent there: no clone here")
    assert plan.warnings[-1].startswith("web3 had no release before that switch and cannot get a: it stays as it is. ")
    named = rollback(*old, new, tag="a", problem="no clone here")
    assert named.way_out == "turnout rollback production a --server web1 --server web2", "a named one is for all"
    folder = rollback(*old, replace(new, current="", current_kind="folder"), problem="no clone here")
    assert not folder.executable, "a person has to look there"
    alone = rollback(new, state("web4", release("a", 1, present=False), release("b", 2, live=True)), problem="gone")
    assert not alone.executable and not alone.way_out, "nobody can go back"


def test_a_rollback_to_a_failed_release_warns() -> None:
    plan = rollback(state("web1", release("a", 1, failed="checks"), release("b", 2, live=True)), tag="a")
    assert plan.executable
    assert plan.warnings == ("a is marked as failed: checks",)


def test_a_prune_says_the_bytes_that_it_frees_once() -> None:
    server = state("web1", *[release(f"r{seq}", seq, live=seq == 5) for seq in range(1, 6)])
    (step,) = prune(server, tags=("r1", "r2", "r1"), keep=3).steps
    assert (step.action, step.prune, step.frees) == (REMOVE, ("r1", "r2"), 200)
    assert prune(server, tags=("r1",), cache=True).frees == 107
    assert "frees 100 B" in prune(server, tags=("r1",)).steps[0].price()


def test_a_prune_whose_bytes_are_an_upper_bound_or_not_known_says_no_more() -> None:
    server = state("web1", *[release(f"r{seq}", seq, live=seq == 4) for seq in range(1, 5)])
    most = plan_prune("production", [server], ("r1",), None, False, {"web1": Sizes({"r1": 100}, exact=False)})
    assert "frees at most 100 B" in most.steps[0].price() and (most.frees, most.exact) == (100, False)
    some = plan_prune("production", [server], ("r1", "r2"), None, True, {"web1": Sizes({"r1": 100})})
    assert some.steps[0].price() == "prune 2 releases, clear the deploy-cache"
    assert some.frees is None and plan_row(some)["steps"][0]["frees"] is None


def test_protected_releases_are_refused_with_the_reason() -> None:
    server = state(
        "web1", release("old", 1), release("pin", 2, pinned=True), release("before", 3), release("live", 4, live=True)
    )
    plan = prune(server, tags=("live", "before", "pin", "old", "nobody"))
    reasons = {reason.split()[0]: reason for reason in plan.all_refusals}
    assert set(reasons) == {"live", "before", "pin", "there"}
    assert "is live on web1" in reasons["live"]
    assert "the release before the live one" in reasons["before"]
    assert "is pinned" in reasons["pin"]
    assert "there is no release" in reasons["there"]


def test_a_release_that_is_live_on_one_server_is_protected_on_all() -> None:
    web1 = state("web1", release("a", 1, live=True), release("b", 2))
    web2 = state("web2", release("a", 1), release("b", 2, live=True))
    web3 = state("web3", release("a", 1), release("b", 2, live=True))
    assert "is live on web1" in prune(web1, web2, web3, tags=("a",)).refusals[0].text


def test_keep_removes_the_oldest_and_nothing_twice() -> None:
    server = state("web1", *[release(f"r{seq}", seq, live=seq == 6) for seq in range(1, 7)])
    assert prune(server, keep=3).steps[0].prune == ("r1", "r2", "r3")
    assert prune(server, keep=1).steps[0].prune == ("r1", "r2", "r3", "r4"), "the one before the live one stays"
    assert prune(server, keep=10).nothing_to_do


def test_clearing_the_cache_is_an_operation_of_its_own() -> None:
    plan = prune(state("web1"), cache=True)
    assert (plan.frees, plan.nothing_to_do) == (7, False)
    assert plan.steps[0].price() == "clear the deploy-cache, frees 7 B"


def test_what_is_odd_on_a_server_is_a_warning() -> None:
    plan = deploy(
        state("web1", current_kind="dangling", current_target="releases/x", faults=("a record cannot be read",)),
        state("web2", current_kind="elsewhere", current_target="/opt/app"),
    )
    assert len(plan.warnings) == 3 and plan.executable


def test_a_plan_goes_to_json_whole() -> None:
    plan = deploy(state("web1"), state("web2", current_kind="folder"), cache=EMPTY)
    data = json.loads(json.dumps(plan_row(plan)))
    assert [step["server"] for step in data["steps"]] == ["web1", "web2"]
    assert data["record"]["tag"] == "new"
    assert data["refusals"] == list(plan.all_refusals)
    assert plan.step("web2").refusal
    with pytest.raises(KeyError):
        plan.step("web3")


@pytest.mark.parametrize(
    ("writable", "missing", "exists", "lacks"),
    [
        (("cache",), (), True, ["cache"]),
        (("app", "app/index.html"), (), True, []),  # the tree has them
        (("link/sub",), (), True, []),  # the tree alone does not say what is behind a link
        (("storage", "storage/logs"), (), True, []),  # what is in shared/ is not known here
        (("storage", "storage/logs", "storage/app"), ("storage",), True, ["storage/logs"]),  # app is seeded
        (("storage/logs",), (), False, ["storage/logs"]),
        (("db.sqlite",), ("db.sqlite",), True, ["db.sqlite"]),
    ],
)
def test_what_cannot_be_made_writable_is_refused_before_anything_is_sent(writable, missing, exists, lacks) -> None:
    paths = (SharedPath("storage", folder=True), SharedPath("db.sqlite"))
    names = {b"app": FOLDER_ENTRY, b"app/index.html": file_entry(b"one"), b"link": link(b"../elsewhere")}
    tree = Manifest(names | {b"storage": FOLDER_ENTRY, b"storage/app": FOLDER_ENTRY})
    server = state("web1", shared_missing=frozenset(missing), exists=exists)
    settings = PlanSettings(writable=writable, shared=paths)
    plan = plan_deploy("production", [server], record("r1", 1, tree), tree, {}, settings)
    refusal = plan.steps[0].refusal
    assert bool(refusal) == bool(lacks)
    assert refusal is None or f"will not have {', '.join(lacks)}, which" in refusal.text
