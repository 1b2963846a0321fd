"""Words that git and Turnout take for different things: which one is meant is said, and what to type for the other."""

from __future__ import annotations

import pytest

from core.events import Note
from core.jobs import Cancel
from core.source import make_tree, source_of
from tests.projects import Nowhere, make_project
from tui.dialogs.pick import revisions


@pytest.fixture
def project(tmp_path):
    """A repository whose main has two commits; v1 is the first one's tag, and a branch at the second."""
    made = make_project(tmp_path / "project", [Nowhere()], {"a": "one\n"})
    made.git("tag", "v1")
    made.commit({"a": "two\n"})
    made.git("branch", "v1")
    return made


def said(project, ref):
    """The content of `a` at a ref, and what is said of it."""
    events = []
    tree = make_tree(project.load(), ref, events.append, Cancel())
    with tree.open(b"a") as file:
        return file.read().decode(), [event.text for event in events if isinstance(event, Note)]


def test_a_name_that_is_both_tag_and_branch_is_said(project):
    first, second = project.git("rev-parse", "tags/v1")[:7], project.git("rev-parse", "heads/v1")[:7]
    text = f"v1 is both a tag ({first}) and a branch ({second}): the tag is deployed; write tags/v1 or heads/v1"
    content, notes = said(project, "v1")
    assert content == "one\n" and notes == [f"{text} to say which"]
    assert said(project, "tags/v1") == ("one\n", [])
    assert said(project, "heads/v1") == ("two\n", [])
    project.git("config", "core.warnAmbiguousRefs", "false")
    assert said(project, "v1")[1] == notes


def test_an_annotated_tag_is_named_by_its_commit(project):
    project.git("tag", "--annotate", "--force", "v1", "tags/v1", "-m", "one")
    _, (text,) = said(project, "v1")
    assert f"a tag ({project.git('rev-parse', 'tags/v1^{commit}')[:7]})" in text


def test_a_local_branch_called_as_a_remote_one_is_said(project):
    project.git("update-ref", "refs/remotes/origin/x", "tags/v1")
    project.git("update-ref", "refs/heads/origin/x", "heads/v1")
    content, (text,) = said(project, "origin/x")
    assert content == "two\n" and "both a branch" in text and "a remote branch" in text
    assert "heads/origin/x or remotes/origin/x" in text


def test_a_branch_called_head_is_said(project):
    project.git("update-ref", "refs/heads/HEAD", "tags/v1")
    content, (text,) = said(project, "HEAD")
    assert content == "two\n" and "what is checked out is deployed; write heads/HEAD for the other" in text


def test_what_is_in_the_list_is_what_is_deployed(project):
    offered = {(choice.kind, choice.ref): choice.revision for choice in revisions(project.load(), "")}
    for kind, ref in (("branch", "heads/v1"), ("tag", "tags/v1"), ("branch", "main")):
        assert project.load() and offered[kind, ref] == project.git("rev-parse", f"{ref}^{{commit}}")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("v1", "a git tag and a git branch"),
        ("main", "a git branch"),
        ("HEAD~1", "a git commit"),
        ("nothing", ""),
        ("-x", ""),
        ("", ""),
        ("v*", ""),
    ],
)
def test_git_is_asked_what_a_word_is(project, word, kind):
    assert source_of(project.load()).meaning(word)[0] == kind
