"""Plans for servers that other tools laid out: what is refused, what is said, what is never pruned by itself."""

from __future__ import annotations

from typing import Any

import pytest

from core.manifest import FOLDER_ENTRY, Manifest
from core.plan import REMOVE
from core.planner.deploy import plan_deploy
from core.planner.oddities import oddities
from core.planner.prune import plan_prune
from core.planner.release import PlanSettings
from core.planner.rollback import plan_rollback
from core.records import Record, Release, ServerState, Told
from core.retention import protection
from core.shared import SharedPath
from tests.states import state, theirs
from tests.strategies import file_entry
from tui.view.glyphs import UNICODE
from tui.view.lines import plain
from tui.view.plan_lines import step_lines

TREE = Manifest({b"d": FOLDER_ENTRY, b"d/a": file_entry(b"one\n"), b"config.php": file_entry(b"two\n")})
NEW = Record(tag="new", seq=9, created=9e9, source="git", digest=TREE.digest)
SETTINGS = PlanSettings(keep=1, shared=(SharedPath(".env"), SharedPath("storage", folder=True)))


def ours(tag: str, seq: int, **more: Any) -> Release:
    record = Record(tag=tag, seq=seq, created=1e9 + seq, digest=TREE.digest)
    return Release(tag=tag, record=record, present=True, **more)


def deploy(server: ServerState, settings: PlanSettings = SETTINGS):
    return plan_deploy("production", [server], NEW, TREE, {"web1": None}, settings)


def prune(server: ServerState, *tags: str, keep: int | None = None, for_ever: bool = False):
    return plan_prune("production", [server], tags, keep, False, {}, for_ever=for_ever)


def test_a_first_current_is_not_made_beside_the_link_that_serves() -> None:
    server = state("web1", theirs("1"), theirs("2"), links={"2": ("live",)})
    refusal = deploy(server).steps[0].refusal
    assert refusal and 'current = "live"' in refusal.text and "release 2" in refusal.text
    rolled = plan_rollback("production", [server], "1", {}, {}, SETTINGS)
    assert rolled.steps[0].refusal
    assert any("there is no current; the link live leads to 2" in text for text in oddities([server]))


def test_current_that_is_named_in_the_configuration_is_made() -> None:
    server = state("web1", theirs("1"), links={"1": ("live",)}, link="current", cache_empty=True)
    assert not deploy(server).steps[0].refusal


def test_a_link_beside_current_is_said_and_protects() -> None:
    server = state("web1", theirs("1"), theirs("2"), theirs("3", live=True), links={"1": ("/srv/html", "x")})
    assert "the link /srv/html leads to 1" in " ".join(deploy(server).warnings)
    assert protection([server], "1", "3", "2") == "is used on web1: the link /srv/html leads to it"
    plan = prune(server, keep=1, for_ever=True)
    assert plan.steps[0].prune == () and "never pruned" in " ".join(plan.warnings)


def test_nothing_that_cannot_be_made_again_goes_by_itself() -> None:
    server = state(
        "web1", *(theirs(str(n)) for n in range(1, 6)), *(ours(f"t{n}", n) for n in (1, 2)), ours("t3", 3, live=True)
    )
    assert set(deploy(server, PlanSettings(keep=1)).steps[0].prune) == {"t1", "t2"}
    kept = prune(server, keep=1)
    assert kept.steps[0].prune == ("t1",) and "--for-ever removes them" in " ".join(kept.warnings)
    gone = prune(server, keep=1, for_ever=True)
    assert gone.steps[0].prune == ("1", "2", "3", "4", "5", "t1")
    assert "gone for ever: 1, 2, 3, 4, 5" in " ".join(gone.warnings)
    named = prune(server, "4")
    assert (named.steps[0].action, named.steps[0].prune) == (REMOVE, ("4",))
    assert "gone for ever: 4" in " ".join(named.warnings)


def test_a_release_that_is_marked_bad_takes_no_place_of_a_good_one() -> None:
    bad = theirs("11", told=Told(tool="Deployer", fate="is marked bad by Deployer"))
    server = state("web1", theirs("10"), bad, theirs("12", live=True))
    assert prune(server, keep=2, for_ever=True).steps[0].prune == ()
    plan = plan_rollback("production", [server], None, {}, {}, SETTINGS)
    assert plan.tag == "10"
    said = " ".join(plan.warnings)
    assert "11, which was live before, is marked bad by Deployer" in said
    assert "whether it was ever live is unknown" in said
    assert "11 is marked bad by Deployer" in plan_rollback("production", [server], "11", {}, {}, SETTINGS).warnings


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("/srv/.env", "mv /srv/.env /srv/shared/.env && ln -s /srv/shared/.env /srv/.env"),
        ("/srv/releases/1/.env", "cp -a /srv/releases/1/.env /srv/shared/.env"),
        ("/srv/a b", "mv '/srv/a b' /srv/shared/.env && ln -s /srv/shared/.env '/srv/a b'"),
    ],
)
def test_what_the_live_release_has_elsewhere_is_not_left_behind(place: str, command: str) -> None:
    server = state(
        "web1",
        theirs("1", live=True),
        shared_missing=frozenset({".env", "storage"}),
        shared_elsewhere={".env": place},
        cache_empty=True,
    )
    refusal = deploy(server).steps[0].refusal
    assert refusal and refusal.text.endswith(f"mkdir -p /srv/shared && {command}")
    assert "nothing was changed" in refusal.text


def test_a_command_is_never_cut_where_it_is_copied_from() -> None:
    names = [f"a-folder-with-a-long-name-{number}" for number in range(12)]
    server = state(
        "web1",
        theirs("1", live=True),
        shared_missing=frozenset(names),
        shared_elsewhere={name: f"/srv/{name}" for name in names},
        cache_empty=True,
    )
    plan = deploy(server, PlanSettings(shared=tuple(SharedPath(name) for name in names)))
    shown = "".join(plain(each) for each in step_lines(plan, 80, UNICODE, terminal=True)).replace(" ", "")
    assert all(f"mv/srv/{name}/srv/shared/{name}&&ln-s/srv/shared/{name}/srv/{name}" in shown for name in names)


@pytest.mark.parametrize(
    ("named", "lost"),
    [
        ((), ["storage/", ".env"]),
        ((SharedPath("storage", folder=True),), [".env"]),
        ((SharedPath("storage/app", folder=True), SharedPath(".env")), ["storage/"]),
        ((SharedPath("stor", folder=True), SharedPath(".env")), ["storage/"]),
        ((SharedPath("storage", folder=True), SharedPath(".env")), []),
    ],
)
def test_what_another_tool_shared_is_named_before_it_is_gone(named: tuple[SharedPath, ...], lost: list[str]) -> None:
    server = state("web1", theirs("1", live=True), shared_linked=("storage/", ".env"), cache_empty=True)
    plan = deploy(server, PlanSettings(shared=named))
    said = [text for text in plan.warnings if "will be without" in text]
    assert [text.split()[0] for text in said] == lost and all("on web1" in text for text in said)
    assert plan.executable


def test_our_own_release_seeds_from_the_next_tree_as_before() -> None:
    settings = PlanSettings(shared=(SharedPath("config.php"),))
    for release, refused in ((ours("t1", 1, live=True), False), (theirs("1", live=True), True)):
        server = state(
            "web1",
            release,
            shared_missing=frozenset({"config.php"}),
            shared_elsewhere={"config.php": f"/srv/releases/{release.tag}/config.php"},
            cache_empty=True,
        )
        assert bool(deploy(server, settings).steps[0].refusal) == refused


def test_somebody_elses_deploy_cache_is_neither_changed_nor_emptied() -> None:
    server = state("web1", theirs("1", live=True), cache_foreign=True, cache_entries=812)
    refusal = deploy(server).steps[0].refusal
    assert refusal and "812 entries that Turnout did not put there" in refusal.text
    cleared = plan_prune("production", [server], (), None, True, {})
    assert cleared.steps[0].refusal and not cleared.executable
    back = plan_rollback(
        "production",
        [state("web1", theirs("1"), theirs("2", live=True), cache_foreign=True)],
        "1",
        {},
        {},
        SETTINGS,
    )
    assert back.executable, "a switch needs no cache"
