"""The Changes tab on a real repository, and the word that a rollback across migrations wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input

from core.changes import PlanChanges
from core.config import Project, parse
from core.plan import SWITCH, Plan, Step
from core.records import Record, Release, ServerState
from core.settings import Settings
from tests.plans import worded
from tests.projects import Nowhere, SampleProject, make_project
from tests.trees import tree_of
from tests.tui.recorded import NOW, WEB, project, record, state, tag
from tests.tui.recorded_operations import rollback_plan, with_plan
from tests.tui.running import recorded_app, screen_text, shown, until

SUBJECTS = ("First", "Add search", "Fix cart [/x] totals")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, dict[str, ServerState]]:
    """A project with a repository of three commits, each a release of which this machine knows the files."""
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path / "cache"))
    sample = make_project(tmp_path / "shop", [Nowhere(name) for name in WEB], {"app.py": "a\n", "x": "1\n"})
    records = [_record(sample, 1, SUBJECTS[0])]
    sample.commit({"app.py": "a\nb\n", "search.py": "find\n"}, SUBJECTS[1])
    records.append(_record(sample, 2, SUBJECTS[1]))
    sample.commit({"app.py": "a\nB\n", "x": None}, SUBJECTS[2])
    records.append(_record(sample, 3, SUBJECTS[2]))
    releases = {
        each.tag: Release(tag=each.tag, record=each, present=True, live=each is records[-1]) for each in records
    }
    states = {
        name: replace(
            state(name), releases=releases, current=records[-1].tag, current_target=f"releases/{records[-1].tag}"
        )
        for name in WEB
    }
    return sample.load(), states


def _record(sample: SampleProject, number: int, subject: str) -> Record:
    tree = tree_of(sample)
    made = replace(record(3 - number), tag=f"r{number}", seq=number, subject=subject, failed="")
    return replace(made, revision=tree.revision, digest=tree.manifest.digest, created=NOW - 1000 * (4 - number))


async def seen(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: text in screen_text(pilot.app), text)


async def test_the_release_under_the_cursor_is_beside_the_live_one(shop: Any) -> None:
    loaded, states = shop
    async with shown(recorded_app(states, of=loaded), (120, 40)) as pilot:
        await pilot.press("c")
        await seen(pilot, "r2..r3  1 commit, 2 files, +1 −2")
        await seen(pilot, "Fix cart [/x] totals")
        await pilot.press("2", "end")
        await seen(pilot, "r1..r3  2 commits, 3 files, +2 −1")
        await pilot.press("3", "x")
        await seen(pilot, "r3..r1  takes back 2 commits, 3 files, +1 −2")
        await pilot.press("2", "home")
        await seen(pilot, "r2..r3  1 commit")  # exchanged were those two alone


async def test_the_difference_of_a_file_opens_and_closes(shop: Any) -> None:
    loaded, states = shop
    async with shown(recorded_app(states, of=loaded), (120, 40)) as pilot:
        await pilot.press("c")
        await seen(pilot, "M app.py")
        await pilot.press("enter")
        await seen(pilot, "-b")
        await seen(pilot, "+B")
        assert "app.py  from git" in screen_text(pilot.app)
        await pilot.press("j")
        await seen(pilot, "-1")
        await pilot.press("escape")
        await until(pilot, lambda: "from git" not in screen_text(pilot.app), "the difference is closed")
        await pilot.press("escape")
        app: Any = pilot.app
        await until(pilot, lambda: app.screen.pane == "releases", "the focus is with the releases again")


async def test_a_filter_narrows_commits_and_files(shop: Any) -> None:
    loaded, states = shop
    async with shown(recorded_app(states, of=loaded), (160, 45)) as pilot:
        await pilot.press("2", "end", "c")
        await seen(pilot, "A search.py")
        await pilot.press("slash", *"search")
        await until(pilot, lambda: "M app.py" not in screen_text(pilot.app), "app.py is filtered")
        assert "A search.py" in screen_text(pilot.app) and "Add search" in screen_text(pilot.app)
        await pilot.press("enter", "escape")
        await seen(pilot, "M app.py")


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60)])
async def test_it_can_be_read_in_every_size(shop: Any, size: tuple[int, int]) -> None:
    loaded, states = shop
    async with shown(recorded_app(states, of=loaded), size) as pilot:
        await pilot.press("c")
        await seen(pilot, "r2..r3  1 commit, 2 files, +1 −2")
        await pilot.press("enter")
        await seen(pilot, "+B")


async def test_a_directory_has_files_and_no_commits(tmp_path: Path) -> None:
    states = {"web1": state("web1"), "web2": state("web2"), "web3": state("web3", 1)}
    text = '\nproject = "shop"\n[source]\ndirectory = "."\n[environments.production]\nservers = [\n'
    text += "".join(f'{{ name = "{name}", host = "{name}", root = "/srv" }},\n' for name in WEB) + "]\n"
    loaded = parse(text, tmp_path / "turnout.toml", Settings(environ={"TURNOUT_CACHE_DIR": str(tmp_path)}))
    async with shown(recorded_app(states, of=loaded), (120, 40)) as pilot:
        await pilot.press("c")
        await seen(pilot, "Commits not known: a directory has no")


def across() -> Plan:
    plan = rollback_plan()
    lost = PlanChanges(old=plan.live, new=plan.tag, taken=1, lost_migrations=("db/migrate/1.sql",))
    return replace(plan, changes=lost, goes_back=True, steps=(Step(server="web1", action=SWITCH, current=tag(0)),))


@pytest.mark.parametrize("protected", [False, True])
async def test_a_rollback_across_migrations_wants_the_tag_typed(protected: bool) -> None:
    app: Any = recorded_app(of=project(protected=protected))
    async with shown(app) as pilot:
        await with_plan(across())(pilot)
        dialog = app.screen
        answers: list[Any] = []
        dialog.dismiss = answers.append
        assert "Migrations stay: type 9ab01cd" in screen_text(app)
        await pilot.press("y")
        assert not answers and dialog.query_one("#name", Input).value == "y"
        await pilot.press("backspace", *"production", "enter")
        assert not answers
        dialog.query_one("#name", Input).value = "9ab01cd"
        await until(pilot, lambda: dialog.can_agree and dialog.is_read, "the plan was there to be read")
        await pilot.press("enter")
        await until(pilot, lambda: answers, "the plan is agreed to")
        assert [answer.tag for answer in answers] == [tag(1)]


def test_what_is_typed_is_only_asked_of_a_way_back() -> None:
    from core import RollbackRequest

    plan = worded(across(), RollbackRequest())
    assert plan.goes_back and plan.crosses_migrations
    assert not replace(plan, goes_back=False).crosses_migrations
    assert not replace(plan, changes=None).crosses_migrations
