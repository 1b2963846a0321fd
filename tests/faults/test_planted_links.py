"""Links and folders planted where Turnout writes: nothing outside the deploy root is made, changed or removed."""

from __future__ import annotations

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest
from core.errors import FleetError, TurnoutError
from tests.engine.driving import record, snapshot
from tests.faults.conftest import two_releases
from tests.projects import hook
from tests.waiting import until

HOOKED = hook("prepare", "echo made > made")
KINDS = ["records/{}.toml", "manifests/{}.manifest", "manifests/{}.made"]


@pytest.fixture
def facts(sshd, project_factory, truth):
    """A server with the releases r1 and r2, of which r2 is live, and a prepare hook."""
    return two_releases(truth(project_factory([sshd], extra=HOOKED), [sshd]))


@pytest.fixture
def outside(sshd):
    """A folder beside the deploy root in which nothing may happen."""
    folder = sshd.files.parent / "outside"
    (folder / "b").mkdir(parents=True)
    (folder / "file").write_text("precious\n")
    before = snapshot(folder)
    yield folder
    assert snapshot(folder) == before


def deployed_while(facts, sshd, truth, run: str):
    """The release r3, in whose prepare hook somebody runs a command: what was there before would be looked at first."""
    facts.close()
    facts.sample.config.write_text(facts.sample.config.read_text() + hook("prepare", run))
    facts.sample.commit({"index.html": "3\n"})
    other = truth(facts.sample, [sshd])
    other.do(DeployRequest(tag="r3"))
    assert record(sshd, "r3").tag == "r3" and other.live() == ["r3"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [".", "file", "missing"])
def test_a_link_where_a_file_gets_its_name_is_replaced_and_not_followed(facts, sshd, truth, outside, kind, target):
    place = sshd.files / ".turnout" / kind.format("r3")
    deployed_while(facts, sshd, truth, f"ln -s {outside / target} {place}")
    assert place.is_file() and not place.is_symlink()


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_where_a_file_gets_its_name_does_not_take_it_in(facts, sshd, truth, kind):
    place = sshd.files / ".turnout" / kind.format("r3")
    deployed_while(facts, sshd, truth, f"mkdir -p {place}/deep")
    assert place.is_file()


@pytest.mark.parametrize("target", [".", "file", "missing"])
def test_a_tag_whose_record_is_a_link_is_refused(facts, sshd, outside, target):
    place = sshd.files / ".turnout/records/r3.toml"
    place.symlink_to(outside / target)
    with pytest.raises(TurnoutError, match="the record of r3 there cannot be read; choose another tag"):
        facts.do(DeployRequest(tag="r3"))
    assert place.is_symlink() and facts.live() == ["r2"]


@pytest.mark.parametrize("target", ["file", "missing"])
def test_the_mark_of_a_release_that_was_never_live_is_not_made_through_a_link(facts, sshd, outside, target):
    place = sshd.files / ".turnout/manifests/r3.unused"
    place.symlink_to(outside / target)
    facts.do(DeployRequest(tag="r3"))
    assert not place.is_symlink() and facts.live() == ["r3"]


def planting(moment: str, outside, target: str, end: str = "") -> str:
    """A hook in whose time somebody makes the record of r1 or r2 a link."""
    run = f'for tag in r1 r2; do ln -sfn {outside / target} "$TURNOUT_ROOT/.turnout/records/$tag.toml"; done; {end}'
    return hook(moment, run)


@pytest.mark.parametrize("target", [".", "file", "missing"])
def test_a_record_that_is_written_anew_goes_through_no_link(facts, sshd, outside, project_factory, truth, target):
    other = truth(project_factory([sshd], extra=planting("after-switch", outside, target)), [sshd])
    other.do(RollbackRequest("r1"))
    assert record(sshd, "r2").left and not (sshd.files / ".turnout/records/r2.toml").is_symlink()
    # The one that nobody wrote is as it was planted.
    assert (sshd.files / ".turnout/records/r1.toml").is_symlink()


@pytest.mark.parametrize("target", [".", "file", "missing"])
def test_a_record_that_is_taken_back_goes_through_no_link(facts, sshd, outside, project_factory, truth, target):
    facts.do(DeployRequest(tag="r3"))
    facts.do(PruneRequest(("r1",)))
    facts.close()
    before = record(sshd, "r1")
    facts.sample.config.write_text(
        facts.sample.config.read_text() + planting("before-switch", outside, target, "exit 1")
    )
    other = truth(facts.sample, [sshd])
    with pytest.raises(TurnoutError, match="before-switch"):
        other.do(RollbackRequest("r1"))
    assert record(sshd, "r1") == before and not (sshd.files / ".turnout/records/r1.toml").is_symlink()


def test_a_deploy_that_is_taken_back_removes_the_link_alone(facts, sshd, outside, project_factory, truth):
    places = [sshd.files / ".turnout" / kind.format("r9") for kind in KINDS]
    run = "; ".join(f"ln -sfn {outside} {place}" for place in places)
    other = truth(project_factory([sshd], extra=HOOKED + hook("before-switch", f"{run}; exit 1")), [sshd])
    with pytest.raises(TurnoutError, match="before-switch"):
        other.do(DeployRequest(tag="r9"))
    other.close()
    until(other.swept, "the trash to be empty")
    assert not list((sshd.files / ".turnout").glob("*/r9*"))


@pytest.mark.parametrize("copy", ["auto", "hardlink"])
@pytest.mark.parametrize("planted", ["a", "a/b"])
def test_a_link_above_a_shared_path_is_refused(sshd, project_factory, truth, outside, copy, planted):
    files = {"index.html": "1\n", "a/b/c/x": "seed\n"}
    facts = truth(project_factory([sshd], files, deploy={"shared": ["a/b/c/"], "copy": copy}), [sshd])
    link = sshd.files / "shared" / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(FleetError) as raised:
        facts.do(DeployRequest(tag="r1"))
    assert f"shared/{planted} is a link: what is below it would lie outside" in raised.value.errors["web"].detail
    assert not (sshd.files / "current").is_symlink()


@pytest.mark.parametrize("target", ["b", "file", "missing"])
def test_a_shared_path_that_is_a_link_is_linked_to_and_left_as_it_is(sshd, project_factory, truth, outside, target):
    files = {"index.html": "1\n", "a/b/x": "seed\n"}
    facts = truth(project_factory([sshd], files, deploy={"shared": ["a/b/"]}), [sshd])
    (sshd.files / "shared/a").mkdir(parents=True)
    (sshd.files / "shared/a/b").symlink_to(outside / target)
    facts.do(DeployRequest(tag="r1"))
    assert (sshd.files / "current/a/b").readlink().as_posix() == "../../../shared/a/b"


def test_shared_on_another_disk_is_used_and_nothing_is_made_there(sshd, project_factory, truth, outside):
    files = {"index.html": "1\n", "b/x": "seed\n"}
    project = project_factory([sshd], files, deploy={"shared": ["b/"]})
    (sshd.files / "shared").symlink_to(outside)
    truth(project, [sshd]).do(DeployRequest(tag="r1"))
    assert (sshd.files / "current/b").resolve() == outside / "b"
    for missing in ("c/", "c", "d/c/"):
        other = truth(project_factory([sshd], files | {"c": "seed\n"}, deploy={"shared": [missing]}), [sshd])
        with pytest.raises(FleetError) as raised:
            other.do(DeployRequest())
        detail = raised.value.errors["web"].detail
        assert (
            f"shared is a link, and nothing is created through a link: create shared/{missing.rstrip('/')} there"
            in detail
        )
