"""Verify: what prepare hooks did is as deployed, everything later is not; and a `current` that points to no release."""

from __future__ import annotations

import os
import shutil

import pytest

from core.drift import Drift
from core.errors import ServerError, UsageError
from core.events import UploadProgress
from core.jobs import Cancel
from core.operations.verify import verify
from core.protocol.listing import parse_tree
from tests.engine.commands import turnout, turnout_json
from tests.projects import Link, Script, hook

FILES = {
    "conf": "shipped\n",
    "drop": "d\n",
    "same": "s\n",
    "run": Script("x\n"),
    "plain": "p\n",
    "link": Link("conf"),
    "old/file": "production\n",
    "new/file": "production\n",
    "odd\nname": "o\n",
    "back\\slash": "b\n",
    "with space": "w\n",
}
EDITS = r"""
echo edited >> conf; rm -f drop; chmod +x plain; chmod -x run; ln -sfn same link
rm -rf old; mv new old
mkdir -p made/empty; echo one > made/one; : > made/nothing; ln -s one made/link; mkfifo made/pipe
echo two > "$(printf 'made/new\nline')"; echo edited >> "$(printf 'odd\nname')"; rm 'back\slash'
touch -d 2001-01-01 conf made/one
"""


def drift(operator, tag=None) -> Drift:
    verification = verify(operator.fleet, tag, Cancel())
    assert not verification.errors and not verification.astray
    return next(iter(verification.drifts.values()))


@pytest.fixture(params=["own", "busybox"])
def place(request, sshd):
    return sshd if request.param == "own" else request.getfixturevalue("shell_server")("busybox")


def test_what_a_prepare_hook_changed_made_or_removed_is_as_deployed(place, project_factory, engine):
    operator = engine(project_factory([place], FILES, extra=hook("prepare", EDITS), deploy={"shared": ["log/"]}))
    operator.deploy(tag="r1")
    assert (place.files / "current/conf").read_text() == "shipped\nedited\n"
    assert drift(operator).none, drift(operator)


def test_whoever_touches_a_hooks_work_later_is_seen(place, project_factory, engine):
    operator = engine(project_factory([place], FILES, extra=hook("prepare", EDITS)))
    operator.deploy(tag="r1")
    release = place.files / "releases/r1"
    (release / "conf").write_text("shipped\n")  # as its manifest says, and yet not as the hook left it
    (release / "drop").write_text("d\n")
    (release / "made/one").write_text("tampered\n")
    (release / "made/link").unlink()
    (release / "made/nothing").unlink()
    (release / "made/nothing").mkdir()
    (release / "made/later").write_text("")
    (release / "plain").chmod(0o644)
    (release / "same").write_text("tampered\n")
    (release / "made/new\nline").write_text("tampered\n")
    assert drift(operator) == Drift(
        changed=(b"conf", b"made/new\nline", b"made/nothing", b"made/one", b"plain", b"same"),
        added=(b"drop", b"made/later"),
        removed=(b"made/link",),
    )


ODD = [
    b"a b",
    b"tab\tc",
    "é".encode(),
    b"50%",
    b"%41",
    b"back\\slash",
    b"new\nline",
    b"end\n",
    b"end ",
    b"\xff\xfe",
    b"-n",
    b"*?",
]


def test_names_and_targets_with_any_bytes_are_as_deployed(place, project_factory, engine):
    files = {b"target " + odd: b"x" for odd in ODD}
    files |= {b"link %d" % number: Link(odd) for number, odd in enumerate(ODD)}
    files |= {b"link to " + odd: Link(b"target " + odd) for odd in ODD}
    project = project_factory([place], files, source="directory")
    operator = engine(project)
    operator.deploy(tag="r1")
    assert drift(operator).none, drift(operator)
    # Nothing of it is sent again where the deploy-cache is compared.
    (place.files / ".turnout/cache.manifest").unlink()
    project.write({"another": "y"})
    operator.deploy(tag="r2")
    assert [event.total for event in operator.said(UploadProgress)][-1] == 1
    (place.files / "current/link 1").unlink()
    (place.files / "current/link 1").symlink_to("tab")
    assert drift(operator) == Drift(changed=(b"link 1",))


def test_a_release_whose_hooks_were_noted_by_names_alone_is_compared_as_before(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], {"a": "a\n"}, extra=hook("prepare", "echo made > made")))
    operator.deploy(tag="r1")
    (sshd.files / ".turnout/manifests/r1.made").write_text(".\n./a\n./made\n")
    (sshd.files / "current/made").write_text("whatever\n")
    assert drift(operator).none
    (sshd.files / "current/a").write_text("tampered\n")
    (sshd.files / "current/b").write_text("")
    assert drift(operator) == Drift(changed=(b"a",), added=(b"b",))


def test_a_release_that_is_made_again_without_its_hook_is_not_compared_with_what_the_hook_made(
    sshd, project_factory, engine
):
    project = project_factory([sshd], {"a": "a\n"}, extra=hook("prepare", "echo edited > a"))
    operator = engine(project)
    operator.deploy(tag="r1")
    for number in (2, 3):
        project.commit({"a": f"{number}\n"})
        operator.deploy(tag=f"r{number}")
    operator.prune("r1")
    project.config.write_text(project.config.read_text().partition("[[hooks]]")[0])
    second_operator = engine(project)
    second_operator.rollback("r1")
    assert (sshd.files / "current/a").read_text() == "a\n"
    assert drift(second_operator).none


@pytest.mark.parametrize("name", ["pipe", "new\nline"])
def test_what_is_neither_file_nor_folder_is_added_or_changed_and_the_rest_is_still_compared(
    sshd, project_factory, engine, name
):
    operator = engine(project_factory([sshd], {"a": "a\n", "b": "b\n"}))
    operator.deploy(tag="r1")
    os.mkfifo(sshd.files / "current" / name)
    (sshd.files / "current/a").unlink()
    os.mkfifo(sshd.files / "current/a")
    (sshd.files / "current/b").unlink()
    assert drift(operator) == Drift(changed=(b"a",), added=(name.encode(),), removed=(b"b",))


def test_an_answer_that_makes_no_sense_is_an_error_of_that_server(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], extra=hook("prepare", "echo made > made")))
    operator.deploy(tag="r1")
    (sshd.files / ".turnout/manifests/r1.made").write_text("f 00 ../../etc/passwd\nend\n")
    error = verify(operator.fleet, "r1", Cancel()).errors["web"]
    assert isinstance(error, ServerError) and "etc/passwd" in error.detail
    with pytest.raises(ValueError, match=r"\.\./x"):
        parse_tree(["d .", "? ../x"])


@pytest.fixture
def deployed(fleet, project_factory):
    project = project_factory(fleet, {"a": "a\n"})
    assert turnout(project, "deploy", "production", "--tag", "r1", "--yes").returncode == 0
    return project


def lead(place, target) -> None:
    """Lead `current` elsewhere; "" removes it."""
    (place.files / "current").unlink()
    if target:
        (place.files / "current").symlink_to(target)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("releases/gone", "current points to releases/gone, which does not exist"),
        ("/etc", "current points to /etc, outside releases/"),
        ("", "there is no current"),
    ],
)
def test_a_server_whose_current_points_to_no_release_is_not_as_deployed(deployed, fleet, target, said):
    lead(fleet[2], target)
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 1
    assert f"! web3  {said}" in ended.stdout.splitlines()
    assert "r1: 3 servers as deployed, `current` does not point to a release on 1 server" in ended.stderr
    code, lines = turnout_json(deployed, "verify", "production")
    assert code == 1 and lines[-1]["outcome"] == "drift"
    answers = [line for line in lines if line["event"] == "current"]
    assert [(line["server"], line["text"]) for line in answers] == [("web3", said)]


def test_a_live_release_whose_folder_is_gone_is_said(deployed, fleet):
    for place in fleet:
        shutil.rmtree(place.files / "releases/r1")
    said = "current points to releases/r1, which does not exist"
    for words in ((), ("r1",)):
        ended = turnout(deployed, "verify", "production", *words)
        assert ended.returncode == 1, ended.stderr
        assert [f"! {place.alias}  {said}" for place in fleet] == ended.stdout.splitlines()
        assert "r1: `current` does not point to a release on 3 servers" in ended.stderr
    shutil.rmtree(fleet[0].files / "current", ignore_errors=True)
    lead(fleet[0], "")
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 1 and ended.stdout.count(said) == 2


def test_a_current_that_points_outside_everywhere_is_not_a_sign_that_nothing_is_live_yet(deployed, fleet):
    for place in fleet:
        lead(place, "/etc")
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 1
    assert ended.stdout.count("current points to /etc, outside releases/") == 3


def test_before_the_first_deploy_there_is_nothing_to_compare(sshd, project_factory, engine):
    with pytest.raises(UsageError, match="nothing is live yet"):
        verify(engine(project_factory([sshd])).fleet, None, Cancel())
