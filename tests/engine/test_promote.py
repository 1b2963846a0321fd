"""Promotion on real servers: exactly what is live in one environment becomes live in another, or nothing is changed."""

from __future__ import annotations

import os
import shutil

import pytest

from core import PromoteRequest
from core.errors import ConnectError, SourceError, UsageError
from core.events import Note, Reading
from core.rows.plan import plan_row
from core.settings import Settings
from tests.engine.driving import at_rest, current, live, record, releases, snapshot
from tests.projects import Link, Script
from tests.strategies import AWKWARD_NAMES

AWKWARD = {b"d/" + name: name for name in AWKWARD_NAMES}
FILES = {
    b"index.html": "one\n",
    b"run": Script("#!/bin/sh\necho hello\n"),
    b"empty": "",
    b"big": os.urandom((2 << 20) + 1),
    b"link": Link("index.html"),
    b"nowhere": Link(b"no such\n file \xff"),
    **AWKWARD,
}


def staging(*places, root=None):
    """The environment `staging` on these places, for a project's `extra`."""
    rows = [f'{{ name = "{p.alias}", host = "{p.alias}", root = "{root or p.root}" }}' for p in places]
    return f"[environments.staging]\nservers = [{', '.join(rows)}]\n"


class Two:
    """A project with staging and production, and an operator for each."""

    def __init__(self, project, engine, stage, production):
        self.project = project
        self.engine = engine
        self.stage = stage
        self.production = production
        self.staging = engine(project, environment="staging")

    def promote(self, **options):
        """Promote with an operator of its own; the operator."""
        operator = self.engine(self.project)
        operator.result = operator.run(PromoteRequest("staging"), **options)
        return operator

    def forget_everything_here(self):
        """Be a machine that has neither the source nor anything in its cache."""
        shutil.rmtree(self.project.tree)
        shutil.rmtree(Settings().cache)


@pytest.fixture
def two(servers, project_factory, engine):
    def make(files=None, **options):
        stage, production = servers(2)
        extra = options.pop("extra", "")
        project = project_factory([production], files, extra=f"{staging(stage)}\n{extra}", **options)
        return Two(project, engine, stage, production)

    return make


def tree(place, tag):
    return snapshot(place.files / "releases" / tag)


def notes(operator):
    return [event.text for event in operator.said(Note)]


def test_it_comes_from_a_server_where_this_machine_has_neither_repository_nor_cache(two):
    """From deploy-cache while that holds the release, and from the release itself when it does not any more."""
    pair = two(FILES)
    tag = pair.staging.deploy().tag
    pair.forget_everything_here()
    operator = pair.promote()
    assert operator.result.tag == live(pair.production) == tag
    assert tree(pair.production, tag) == tree(pair.stage, tag)
    assert any("from web1 of staging" in text for text in notes(operator))
    first, promoted = record(pair.stage, tag), record(pair.production, tag)
    assert (promoted.promoted_from, promoted.promoted_tag) == ("staging", tag)
    assert (promoted.revision, promoted.digest, promoted.source) == (first.revision, first.digest, "git")
    assert (promoted.built, promoted.built_by, promoted.built_for) == (first.created, first.by, "staging")
    files = [place.files / "releases" / tag / "index.html" for place in (pair.stage, pair.production)]
    assert files[0].stat().st_mtime == files[1].stat().st_mtime, "the ETag stays what it was"
    at_rest([pair.stage, pair.production])
    operator.well_formed()


def test_it_says_what_it_reads_meanwhile(two):
    pair = two(FILES)
    pair.staging.deploy()
    pair.forget_everything_here()
    operator = pair.promote()
    said = operator.said(Reading)
    where = f"the tree from {pair.stage.alias} of staging"
    assert [event.what for event in said if not event.over] == ["staging", "every file of staging", "the tree", where]
    assert sorted(event.what for event in said if event.over) == sorted({event.what for event in said})


def test_without_the_deploy_cache_it_is_read_from_the_release(two):
    pair = two(FILES)
    tag = pair.staging.deploy().tag
    pair.forget_everything_here()
    pair.staging.prune(keep=1, cache=True)
    pair.promote()
    assert tree(pair.production, tag) == tree(pair.stage, tag)
    assert record(pair.production, tag).digest == record(pair.stage, tag).digest


def test_what_came_is_kept_so_that_the_plan_that_was_seen_sends_it_without_reading_it_again(two):
    pair = two(FILES)
    tag = pair.staging.deploy().tag
    pair.forget_everything_here()
    operator = pair.engine(pair.project)
    plan = operator.plan(PromoteRequest("staging"))
    assert plan.executable and plan.title == f"Promote {tag} from staging to production"
    assert "its files from web1 of staging" in plan_row(plan)["origin"] and not live(pair.production)
    operator.events.clear()
    operator.run(PromoteRequest("staging"), plan)
    assert live(pair.production) == tag and not any("read" in text for text in notes(operator))


def test_a_build_is_taken_from_the_cache_or_from_the_server_and_never_made_again(two):
    pair = two({"a": "1"}, source_options={"build": ["date +%s%N > built"]})
    pair.staging.deploy(tag="r1")
    operator = pair.promote()
    assert "on this machine" in operator.result.plan.origin
    assert tree(pair.production, "r1") == tree(pair.stage, "r1")
    pair.project.commit({"a": "2"})
    pair.staging.deploy(tag="r2")
    shutil.rmtree(Settings().cache)
    operator = pair.promote()
    assert "web1 of staging" in operator.result.plan.origin and not [n for n in notes(operator) if "date" in n]
    assert tree(pair.production, "r2") == tree(pair.stage, "r2")


def test_the_repository_gives_it_where_nothing_is_built(two):
    pair = two({"a": "1"})
    pair.staging.deploy(tag="r1")
    shutil.rmtree(Settings().cache)
    operator = pair.promote()
    assert operator.result.plan.origin.endswith("its files from the git repository on this machine")
    assert tree(pair.production, "r1") == {b"a": ("file", b"1")}


def test_a_tag_that_means_something_else_there_is_not_taken(two):
    pair = two({"a": "1"})
    pair.engine(pair.project).deploy(tag="r1")
    pair.project.commit({"a": "2"})
    pair.staging.deploy(tag="r1")
    operator = pair.promote()
    assert live(pair.production) != "r1" and tree(pair.production, live(pair.production))[b"a"][1] == b"2"
    assert record(pair.production, live(pair.production)).promoted_tag == "r1"
    assert any("the release gets another tag than in staging (r1)" in text for text in operator.result.plan.warnings)
    assert pair.promote().result.outcome == "nothing-to-do", "it is the same release, under whatever tag"


def test_a_release_that_is_there_already_is_only_switched_to(two):
    pair = two({"a": "1"})
    pair.staging.deploy(tag="r1")
    pair.promote()
    assert pair.promote().result.outcome == "nothing-to-do"
    pair.project.commit({"a": "2"})
    pair.engine(pair.project).deploy(tag="r2")
    operator = pair.promote()
    assert live(pair.production) == "r1" and operator.result.plan.steps[0].price() == "switch only"
    assert record(pair.production, "r1").promoted_from == "staging"


def test_what_hooks_added_and_shared_paths_hold_stays_where_it_is(two):
    hook = '[[hooks]]\non = "prepare"\nrun = "echo $TURNOUT_ENVIRONMENT > made"\n'
    pair = two({"a": "1", "storage/seed": "from the release"}, deploy={"shared": ["storage/"]}, extra=hook)
    pair.staging.deploy(tag="r1")
    (pair.stage.files / "shared/storage/secret").write_text("of staging")
    pair.forget_everything_here()
    pair.promote()
    assert (pair.production.files / "current/made").read_text() == "production\n"
    assert sorted(os.listdir(pair.production.files / "shared/storage")) == ["seed"]
    # Without the deploy-cache the seed is nowhere any more: the rest is another tree, under a tag of its own.
    pair.staging.prune(keep=1, cache=True)
    shutil.rmtree(Settings().cache)
    operator = pair.promote()
    assert any("storage/seed" in text for text in operator.result.plan.warnings) and live(pair.production) != "r1"
    assert tree(pair.production, live(pair.production)).keys() == tree(pair.stage, "r1").keys()
    assert record(pair.production, live(pair.production)).promoted_tag == "r1"


def test_changed_files_are_named_and_nothing_is_promoted(two):
    pair = two({"a": "1", "b": "2", "c": "3"})
    pair.staging.deploy(tag="r1")
    folder = pair.stage.files / "releases/r1"
    (folder / "a").write_text("changed by hand")
    (folder / "b").unlink()
    operator = pair.engine(pair.project)
    error = operator.fails(lambda: operator.run(PromoteRequest("staging")), SourceError, "were changed in staging")
    assert "web1: 1 changed, 1 removed: a, b" in error.detail
    assert not live(pair.production) and releases(pair.production) == []
    at_rest([pair.production])


def test_files_that_hooks_changed_cannot_be_had_from_the_release(two):
    hook = '[[hooks]]\non = "prepare"\nrun = "echo changed > a"\n'
    pair = two({"a": "1", "b": "2"}, extra=hook)
    pair.staging.deploy(tag="r1")
    pair.staging.prune(keep=1, cache=True)
    pair.forget_everything_here()
    operator = pair.engine(pair.project)
    error = operator.fails(lambda: operator.run(PromoteRequest("staging")), SourceError, "prepare hooks changed them")
    assert error.detail == "a" and not live(pair.production)


def test_servers_that_differ_or_do_not_answer_are_not_promoted_from(servers, project_factory, engine):
    *stages, production = servers(3)
    project = project_factory([production], extra=staging(*stages))
    operator = engine(project)
    with pytest.raises(UsageError, match="nothing is live in staging"):
        operator.plan(PromoteRequest("staging"))
    stage = engine(project, environment="staging")
    stage.deploy(tag="r1")
    project.commit({"index.html": "2\n"})
    one = engine(project, environment="staging", servers=stage.fleet.servers[:1])
    one.deploy(tag="r2")
    with pytest.raises(UsageError, match="do not have the same release live") as differ:
        operator.plan(PromoteRequest("staging"))
    assert differ.value.detail == "r2 on web1; r1 on web2"
    project.config.write_text(project.config.read_text().replace('host = "web2"', 'host = "127.0.0.1", port = 1'))
    with pytest.raises(ConnectError, match=r"staging: .* refused the connection"):
        engine(project).plan(PromoteRequest("staging"))


def test_a_release_without_a_manifest_is_not_promoted(two):
    pair = two({"a": "1"})
    pair.staging.deploy(tag="r1")
    (pair.stage.files / ".turnout/manifests/r1.manifest").unlink()
    shutil.rmtree(Settings().cache)
    operator = pair.engine(pair.project)
    operator.fails(lambda: operator.run(PromoteRequest("staging")), SourceError, "has no manifest in staging")
    (pair.stage.files / ".turnout/manifests/r1.manifest").write_text("a\tf\t1\t" + "0" * 64 + "\n")
    operator.fails(lambda: operator.run(PromoteRequest("staging")), SourceError, "has no manifest in staging")
    assert not current(pair.production)


def test_another_release_that_goes_live_meanwhile_is_noticed(two):
    pair = two({"a": "1"})
    pair.staging.deploy(tag="r1")
    operator = pair.engine(pair.project)
    plan = operator.plan(PromoteRequest("staging"))
    pair.project.commit({"a": "2"})
    pair.staging.deploy(tag="r2")
    operator.fails(
        lambda: operator.run(PromoteRequest("staging"), plan), SourceError, "a different release went live in staging"
    )
    assert not live(pair.production)


def test_from_one_environment_to_the_next_the_first_build_is_remembered(servers, project_factory, engine):
    first, second, third = servers(3)
    extra = staging(first) + staging(second).replace("staging", "qa")
    project = project_factory([third], {"a": "1"}, extra=extra)
    built = engine(project, environment="staging").deploy(tag="r1")
    engine(project, environment="qa").run(PromoteRequest("staging"))
    engine(project).run(PromoteRequest("qa"))
    found = record(third, built.tag)
    assert (found.promoted_from, found.built_for) == ("qa", "staging")
    assert found.built == record(first, "r1").created


def test_a_promoted_release_is_rolled_back_to_after_its_files_are_gone(two):
    """Its build was made for another environment, and is nowhere but in what came from the server."""
    pair = two({"a": "1"}, source_options={"build": ["echo $TURNOUT_ENVIRONMENT > for"]})
    pair.staging.deploy(tag="r1")
    shutil.rmtree(Settings().cache)
    pair.promote()
    pair.project.commit({"a": "2"})
    production = pair.engine(pair.project)
    production.deploy(tag="r2")
    production.deploy(tag="r3")
    production.prune("r1")
    production.rollback("r1")
    assert (pair.production.files / "current/for").read_text() == "staging\n"


def test_a_plan_can_be_undone_like_any_other(two):
    pair = two({"a": "1"})
    production = pair.engine(pair.project)
    production.deploy(tag="r0")
    pair.project.commit({"a": "2"})
    pair.staging.deploy(tag="r1")
    pair.promote()
    assert live(pair.production) == "r1"
    assert production.rollback().tag == "r0"
