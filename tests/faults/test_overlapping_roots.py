"""One deploy root, one owner: roots that overlap and roots of others are refused by name, whoever comes second."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess

import pytest

from core import DeployRequest, PruneRequest, execute, make_plan
from core.doctor import ERROR, examine
from core.errors import FleetError, NeedsPerson
from core.jobs import Cancel, Controls
from tests.engine.driving import at_rest, live, releases, snapshot
from tests.servers import unavailable


@pytest.fixture
def claims(truth, project_factory):
    """Make a Truth for places, and for a project and an environment by name."""

    def make(*places, project="shop", environment="production"):
        sample = project_factory(places, environment=environment)
        sample.config.write_text(sample.config.read_text().replace('"shop"', f'"{project}"'))
        facts = truth(sample, places)
        facts.fleet = lambda: type(facts).fleet(facts) if environment == "production" else of(facts, environment)
        return facts

    def of(facts, environment):
        from core.fleet import Fleet

        return Fleet(facts.project, facts.project.environment(environment))

    return make


def beside(place, alias, root, announce):
    """The same server under another alias, with another root."""
    return announce(dataclasses.replace(place, alias=alias, root=str(root), files=root))


def refused(facts, request=None):
    """What an operation is refused with, whether it has seen a plan or not; every lock is given back."""
    with pytest.raises(FleetError) as caught:
        facts.do(request or DeployRequest(tag="refused"))
    assert caught.value.exit_code == NeedsPerson.exit_code
    return str(caught.value)


def doctor_says(facts):
    fleet = facts.fleet()
    try:
        by_server = examine(fleet)
    finally:
        fleet.close()
    return "\n".join(finding.text for some in by_server.values() for finding in some if finding.level == ERROR)


def plan_says(facts):
    fleet = facts.fleet()
    try:
        with pytest.raises(FleetError) as caught:
            make_plan(fleet, DeployRequest(), lambda event: None, Cancel())
    finally:
        fleet.close()
    return str(caught.value)


def link(target, place):
    place.rmdir()
    place.symlink_to(target)


def bind(target, place):
    if subprocess.run(["mount", "--bind", target, place], capture_output=True, check=False).returncode:
        unavailable("this user may not mount a folder a second time")


def same(target, place):
    place.rmdir()
    place.parent.joinpath("up").mkdir()
    place.symlink_to(f"up/../{target.name}")


@pytest.mark.parametrize("way", [link, bind, same])
def test_two_servers_that_are_one_folder_are_refused_by_name(servers, claims, way):
    first, second, third = servers(3)
    way(first.files, second.files)
    facts = claims(first, second, third)
    try:
        said = refused(facts)
        assert "web2" in said and "deploy root of web1 too" in said
        # The agent of the one that came first was not killed by the other's.
        assert "connection" not in said and "web3" not in said
        assert releases(first) == [] == releases(third)
        at_rest([first, third])
        assert "the same folder as the deploy root of web1" in doctor_says(facts)
        assert "the same folder as the deploy root of web1" in plan_says(facts)
        # Alone, each of them may be deployed to.
        facts.close()
        alone = claims(second, third)
        alone.do(DeployRequest(tag="r1"))
        assert live(first) == "r1" == live(third)
    finally:
        if way is bind:
            subprocess.run(["umount", "--lazy", second.files], check=True)


def test_one_folder_on_two_ports_of_one_machine_is_found(servers, claims):
    first, second = servers(2, separate=True)
    link(first.files, second.files)
    assert "deploy root of web1 too" in refused(claims(first, second))
    at_rest([first])


INSIDE = [
    "shared/blog",
    "releases/r1/blog",
    "deploy-cache/blog",
    ".turnout/blog",
    "current/a/b/c/d",
    "blog",
    "releases",
]


@pytest.mark.parametrize("inside", INSIDE)
def test_a_root_inside_another_one_is_refused_before_anything_is_made(sshd, claims, announce, inside):
    claims(sshd).do(DeployRequest(tag="r1"))
    at_rest([sshd])
    before = snapshot(sshd.files)
    inner = claims(beside(sshd, "inner", sshd.files / inside, announce), project="blog")
    said = refused(inner)
    assert f"{sshd.root}/{inside} lies inside another deploy root, {sshd.root}" in said
    assert snapshot(sshd.files) == before
    assert f"inside another deploy root, {sshd.root}" in doctor_says(inner)
    assert f"inside another deploy root, {sshd.root}" in plan_says(inner)


@pytest.mark.parametrize("kind", ["dash", "busybox"])
@pytest.mark.parametrize("inside", ["shared/blog", "releases/blog/web"])
def test_a_root_around_another_one_is_refused_when_the_inner_one_was_first(
    shell_server, claims, announce, inside, kind
):
    place = shell_server(kind)
    inner = announce(
        dataclasses.replace(place, alias="inner", root=f"{place.root}/{inside}", files=place.files / inside)
    )
    claims(inner, project="blog").do(DeployRequest(tag="b1"))
    outer = claims(place)
    assert f"{place.root} holds another deploy root, {place.root}/{inside}" in refused(outer)
    assert not (place.files / ".turnout").exists()
    assert f"holds another deploy root, {place.root}/{inside}" in doctor_says(outer)
    assert live(inner) == "b1"


def test_a_root_inside_one_of_another_tool_is_refused(sshd, claims, announce):
    (sshd.files / "releases/1").mkdir(parents=True)
    (sshd.files / "shared").mkdir()
    (sshd.files / "current").symlink_to(f"{sshd.root}/releases/1")
    inner = claims(beside(sshd, "inner", sshd.files / "shared/blog", announce))
    assert f"another deploy root, {sshd.root}" in refused(inner)
    assert not (sshd.files / "shared/blog").exists()


def test_a_root_that_a_link_takes_out_of_another_one_is_not_inside_it(sshd, claims, announce, tmp_path):
    claims(sshd).do(DeployRequest(tag="r1"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (sshd.files / "shared/blog").symlink_to(elsewhere)
    claims(beside(sshd, "inner", sshd.files / "shared/blog", announce), project="blog").do(DeployRequest(tag="b1"))
    assert os.readlink(elsewhere / "current") == "releases/b1"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"project": "blog"}, "project shop, environment production; this is project blog"),
        ({"environment": "staging"}, "this is project shop, environment staging"),
    ],
)
def test_the_root_of_others_is_refused_until_their_claim_is_removed(sshd, claims, other, named):
    claims(sshd).do(DeployRequest(tag="r1"))
    at_rest([sshd])
    before = snapshot(sshd.files)
    foreign = claims(sshd, **other)
    for request in (DeployRequest(tag="x"), PruneRequest(keep=1)):
        said = refused(foreign, request)
        assert named in said and "rm " in said and ".turnout/claim" in said
    assert snapshot(sshd.files) == before
    assert named in doctor_says(foreign) and named in plan_says(foreign)
    (sshd.files / ".turnout/claim").unlink()
    foreign.do(DeployRequest(tag="x"))
    assert live(sshd) == "x"
    assert "this is project shop, environment production" in refused(claims(sshd))


def test_a_root_of_an_older_version_is_claimed_by_the_next_operation(sshd, claims):
    mine = claims(sshd)
    mine.do(DeployRequest(tag="r1"))
    (sshd.files / ".turnout/claim").unlink()
    mine.do(DeployRequest(tag="r2"))
    assert "shop production" in (sshd.files / ".turnout/claim").read_text()


def test_a_claim_that_cannot_be_read_is_nobodys_and_is_not_guessed(sshd, claims):
    mine = claims(sshd)
    mine.do(DeployRequest(tag="r1"))
    (sshd.files / ".turnout/claim").write_bytes(b"\xff\x00")
    assert "claim cannot be read" in refused(mine)
    assert live(sshd) == "r1"


def test_a_copy_of_a_root_keeps_no_other_off(servers, claims):
    """A restored backup, a second server made from the first one, a copy for another environment."""
    first, second, third = servers(3)
    claims(first).do(DeployRequest(tag="r1"))
    at_rest([first])
    for place in (second, third):
        place.files.rmdir()
        shutil.copytree(first.files, place.files, symlinks=True)
    facts = claims(first, second)
    facts.do(DeployRequest(tag="r2"))
    assert live(first) == "r2" == live(second)
    assert doctor_says(facts) == ""
    staging = claims(third, environment="staging")
    assert doctor_says(staging) == ""
    staging.do(DeployRequest(tag="s1"))
    assert (live(first), live(third)) == ("r2", "s1")
    # From then on the copy has an owner of its own.
    assert "environment staging" in refused(claims(third))


def test_a_release_that_another_root_was_put_into_is_not_pruned(sshd, claims):
    mine = claims(sshd)
    for tag in ("r1", "r2", "r3"):
        mine.sample.commit({"index.html": tag})
        mine.do(DeployRequest(tag=tag))
    inner = sshd.files / "releases/r1/public/blog"
    (inner / ".turnout/records").mkdir(parents=True)
    (inner / "shared").mkdir()
    (inner / "shared/uploads").write_text("of somebody else")
    result = mine.do(PruneRequest(("r1",)))
    assert "kept r1 on web" in result.summary
    assert (inner / "shared/uploads").read_text() == "of somebody else"
    mine.close()
    mine.project = mine.project.replace(deploy=mine.project.deploy.replace(keep=1))
    fleet = mine.fleet()
    execute(fleet, DeployRequest(tag="r4"), None, lambda event: None, Controls())
    fleet.close()
    assert releases(sshd) == ["r1", "r3", "r4"]
    assert (inner / "shared/uploads").exists()
