"""What a power cut must not undo: contents reach the disk before names, and a name never has half a content."""

from __future__ import annotations

import os
import re

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest
from core.remote import launch
from tests.engine.driving import record
from tests.projects import hook

LOGGED = ("mv", "sync", "cp", "ln", "tee", "touch")
NAMED = re.compile(r"releases/|\.turnout/(records|manifests)/|\.turnout/cache\.manifest")
"""Where what stands there is believed."""


@pytest.fixture
def calls(sshd, monkeypatch):
    """What gives the calls of the programs that write to the disk or give names, as they were made on the server."""
    folder = sshd.files.parent / "programs"
    folder.mkdir()
    log = folder / "calls"
    log.touch()
    for name in LOGGED:
        script = folder / name
        script.write_text(f'#!/bin/sh\necho {name} "$@" >> {log}\nPATH=${{PATH#*:}}\nexec {name} "$@"\n')
        script.chmod(0o755)
    text = launch.agent_program()
    monkeypatch.setattr(launch, "agent_program", lambda: f"PATH={folder}:$PATH\n{text}")

    def since() -> list[str]:
        lines = log.read_text().splitlines()
        log.write_text("")
        return lines

    return since


@pytest.fixture
def facts(sshd, calls, project_factory, truth):
    """A server with the live release r1, and a project with a prepare hook."""
    facts = truth(project_factory([sshd], extra=hook("prepare", "echo made > made", where="first-server")), [sshd])
    facts.do(DeployRequest(tag="r1"))
    facts.sample.commit({"index.html": "2\n"})
    return facts


def names_given(calls: list[str]) -> list[str]:
    """The calls that put something where it is believed, by its new name."""
    return [call for call in calls if NAMED.search(call.split()[-1])]


@pytest.mark.parametrize("hooked", [True, False])
def test_a_release_is_on_the_disk_before_anything_of_it_has_its_name(facts, calls, hooked):
    if not hooked:
        facts.close()
        text = facts.sample.config.read_text()
        facts.sample.config.write_text(text[: text.index("[[hooks]]")])
        facts.project = facts.sample.load()
    calls()
    facts.do(DeployRequest(tag="r2"))
    seen = calls()
    synced = seen.index("sync -f .turnout/incoming/r2")
    of_release = [call for call in names_given(seen) if "r2" in call.split()[-1]]
    assert [call.split()[-1] for call in of_release] == [
        *([".turnout/manifests/r2.made"] if hooked else []),
        ".turnout/manifests/r2.manifest",
        ".turnout/records/r2.toml",
        "releases/r2",
    ]
    assert synced < seen.index(of_release[0])
    # Nothing is written between the disk's word and the names.
    assert not [call for call in seen[synced : seen.index("mv -T .turnout/incoming/r2 releases/r2")] if "cp" in call]


def test_what_is_believed_gets_its_name_by_a_rename_only(facts, calls):
    facts.do(DeployRequest(tag="r2"))
    facts.do(RollbackRequest("r1"))
    facts.do(PruneRequest(cache=True))
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    given = names_given(calls())
    assert len(given) > 12
    assert {call.split()[0] for call in given if not call.startswith("touch .turnout/cache.manifest")} == {"mv"}


def test_a_record_or_manifest_is_replaced_and_never_written_in_place(facts, sshd):
    """Another name of the same file keeps the content: what is written in place would be torn by a power cut."""
    facts.do(DeployRequest(tag="r2"))
    own = sshd.files / ".turnout"
    kept = {}
    for place in (own / "records/r2.toml", own / "cache.manifest"):
        os.link(place, sshd.files.parent / place.name)
        kept[place] = place.read_bytes()
    facts.do(RollbackRequest("r1"))
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    assert record(sshd, "r2").left
    for place, before in kept.items():
        assert place.read_bytes() != before
        assert (sshd.files.parent / place.name).read_bytes() == before
