"""Sources other than a plain repository on real servers: deployed, verified, promoted, and sent again from a record."""

from __future__ import annotations

import pytest

from core import DeployRequest, PromoteRequest, PruneRequest, RollbackRequest, verify
from core.errors import UsageError
from core.events import unheard
from core.jobs import Cancel
from core.operations import storing
from tests.engine.driving import live, record, snapshot
from tests.engine.test_promote import staging
from tests.projects import Link, Script

FILES = {"index.html": "one\n", "bin/run": Script("#!/bin/sh\n"), "link": Link("bin/run")}


def test_an_archive_is_deployed_with_the_revision_that_it_was_built_from(servers, project_factory, engine):
    stage, production = servers(2)
    project = project_factory([production], FILES, source="archive", extra=staging(stage))
    operator = engine(project, environment="staging")
    first = operator.run(DeployRequest(revision="v2.4.1"))
    assert first.tag.endswith("-v2.4.1")
    assert (record(stage, first.tag).revision, record(stage, first.tag).source) == ("v2.4.1", "archive")
    assert snapshot(stage.files / "current/")[b"index.html"][1] == b"one\n"
    verified = verify(operator.fleet)
    assert not verified.errors and all(drift.none for drift in verified.drifts.values())
    promoted = engine(project).run(PromoteRequest("staging"))
    assert (promoted.tag, record(production, promoted.tag).revision) == (first.tag, "v2.4.1")

    project.put({"index.html": "two\n"})
    second = operator.run(DeployRequest(revision="3f2c1ab" * 5 + "3f2c1"))
    assert second.tag.endswith("-3f2c1ab")
    project.put({"index.html": "three\n"})
    operator.run(DeployRequest())
    operator.run(PruneRequest(tags=(first.tag,)))
    with pytest.raises(Exception, match=f"the content of {first.tag} is gone"):
        operator.run(RollbackRequest(first.tag))
    project.put({"index.html": "one\n"})
    operator.run(RollbackRequest(first.tag))
    assert live(stage) == first.tag and (stage.files / "current/index.html").read_text() == "one\n"


def test_a_revision_is_given_only_where_the_source_has_none(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], FILES))
    for request in (DeployRequest(revision="v1"),):
        with pytest.raises(UsageError, match="a git repository says by itself which revision is deployed"):
            operator.plan(request)
    directory = engine(project_factory([sshd], FILES, source="directory"))
    for wrong in ("", "-x", "a b", "a/b", "..", "x" * 65, "a..b", "\x1b[31m"):
        with pytest.raises(UsageError, match="cannot be a revision"):
            directory.plan(DeployRequest(revision=wrong))
    assert directory.plan(DeployRequest(revision="1.0")).record.revision == "1.0"


@pytest.mark.parametrize("ref", ["", " "])
def test_a_revision_that_is_empty_deploys_no_other_one(ref, sshd, project_factory, engine):
    """A variable that is not set, in a script of CI."""
    operator = engine(project_factory([sshd], {"index.html": "one\n"}))
    for request in (DeployRequest(ref=ref), DeployRequest(ref=ref, from_store=True)):
        with pytest.raises(UsageError, match="the revision is empty"):
            operator.plan(request)
    with pytest.raises(UsageError, match="the revision is empty"):
        storing.push(operator.fleet.project, "production", ref, unheard, Cancel())


def test_what_comes_from_the_store_is_not_built_again(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], {"index.html": "one\n"}))
    with pytest.raises(UsageError, match="is not built here"):
        operator.plan(DeployRequest(from_store=True, rebuild=True))


def test_a_part_of_a_repository_at_its_newest_tag_is_deployed(sshd, project_factory, engine):
    files = {"services/shop/index.html": "one\n", "services/blog/x": "x"}
    project = project_factory([sshd], files, source_options={"path": "services/shop", "ref": "tag:v*"})
    project.git("tag", "v1.9")
    project.commit({"services/shop/index.html": "two\n"})
    project.git("tag", "v1.10")
    operator = engine(project)
    plan = operator.plan(DeployRequest())
    assert plan.record.ref == "v1.10"
    first = operator.run(DeployRequest(), plan)
    assert set(snapshot(sshd.files / "current/")) == {b"index.html"}
    assert record(sshd, first.tag).ref == "v1.10"
    operator.run(DeployRequest(ref="v1.9"))
    assert (sshd.files / "current/index.html").read_text() == "one\n"
    operator.run(RollbackRequest())
    assert live(sshd) == first.tag
