"""The whole way from another tool to Turnout and back, in every recorded root, over SSH; one server for all of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import AdoptRequest, DeployRequest
from core.doctor import ERROR, examine
from core.errors import UsageError
from core.rows.servers import release_rows
from tests.engine.driving import Engine, at_rest, records, releases
from tests.foreign import DATA, lay

COMMIT = "1" * 40
STAMP = "20991201120000"
"""What the other tool's next release is called, where it takes its names from the clock."""


@dataclass(frozen=True)
class Move:
    """A root, and how its tool goes on there.

    older    a release that is not live, and that its tool would go back to
    shared   what turnout.toml names as shared
    next     make the tool's next release live, with the files that it writes; gives the tag
    refused  what the first deploy is refused with, until the operator has done what it says
    kept     what is nobody's but that tool's, beside releases
    compatible   what turnout.toml names, so that this tool can go on
    ours     the names of our two releases; they are chosen by Turnout where it has to fit that tool
    """

    tool: str
    older: str
    next: Callable[[Path], str]
    shared: tuple[str, ...] = ()
    refused: str = ""
    kept: tuple[str, ...] = ("shared",)
    compatible: str = ""
    ours: tuple[str, str] = ("t1", "t2")


def release(root: Path, tag: str, text: str = "theirs\n", **files: str) -> Path:
    """A new release, as each of these tools makes one."""
    folder = root / "releases" / tag
    folder.mkdir()
    (folder / "index.html").write_text(text)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def point(root: Path, target: str) -> None:
    """Make a link beside `current` and move it there, as most of them do."""
    (root / "current.new").symlink_to(target)
    os.replace(root / "current.new", root / "current")


def capistrano(root: Path) -> str:
    folder = release(root, STAMP, REVISION=f"{COMMIT}\n")
    for name in (".env", "log"):
        (folder / name).symlink_to(root / "shared" / name)
    point(root, f"{root}/releases/{STAMP}")
    with (root / "revisions.log").open("a") as log:
        log.write(f"Branch main (at {COMMIT}) deployed as release {STAMP} by ana\n")
    return STAMP


def deployer(root: Path) -> str:
    tag = str(int((root / ".dep/latest_release").read_text()) + 1)
    (root / "release").unlink(missing_ok=True)  # what a deploy that broke off left
    folder = release(root, tag)
    (root / "release").symlink_to(f"releases/{tag}")
    (root / ".dep/latest_release").write_text(tag)
    said = {"created_at": "2099-12-01T12:00:00+0000", "release_name": tag, "user": "ana", "target": "HEAD"}
    with (root / ".dep/releases_log").open("a") as log:
        log.write(json.dumps(said) + "\n")
    for name in (".env", "log"):
        (folder / name).symlink_to(f"../../shared/{name}")
    (folder / "REVISION").write_text(f"{COMMIT}\n")
    os.replace(root / "release", root / "current")
    return tag


def ansistrano(root: Path) -> str:
    tag = f"{STAMP}Z"
    folder = release(root, tag, REVISION=COMMIT)
    (folder / "upload").symlink_to("../../shared/upload")
    point(root, f"./releases/{tag}")
    return tag


def ansistrano_rsync(root: Path) -> str:
    tag = f"{STAMP}Z"
    (root / "shared/.shared-copy/index.html").write_text("theirs\n")
    release(root, tag, REVISION=f"{tag}\n")
    point(root, f"./releases/{tag}")
    return tag


def mina(root: Path) -> str:
    command = "echo $((`ls -1 releases | sort -n | tail -n 1`+1))"
    done = subprocess.run(["sh", "-c", command], cwd=root, check=True, capture_output=True, text=True)
    tag = done.stdout.strip()
    (root / "deploy.lock").touch()
    files = {".mina_git_revision": f"{COMMIT}\n"}
    (release(root, tag, **files) / "log").symlink_to(root / "shared/log")
    point(root, f"{root}/releases/{tag}")
    (root / "deploy.lock").unlink()
    return tag


def shipit(root: Path) -> str:
    release(root, STAMP, REVISION=f"{COMMIT}\n")
    point(root, f"releases/{STAMP}")
    return STAMP


def buddy(root: Path) -> str:
    """A run that sends everything, which its deploy-cache needs after somebody else has changed it."""
    (root / "deploy-cache/index.html").write_text("theirs\n")
    release(root, COMMIT)
    point(root, f"{root}/releases/{COMMIT}")
    return COMMIT


def envoyer(root: Path) -> str:
    folder = release(root, STAMP)
    for name in (".env", "storage"):
        (folder / name).symlink_to(root / name)
    point(root, f"{root}/releases/{STAMP}")
    return STAMP


def deployhq(root: Path) -> str:
    (root / "cache/index.html").write_text("theirs\n")
    (release(root, STAMP) / "config").symlink_to("../../shared/config")
    point(root, f"releases/{STAMP}")
    return STAMP


MOVES = {
    "capistrano": Move("Capistrano", "20261126052516", capistrano, (".env", "log/"), kept=("shared", "repo")),
    "deployer": Move("Deployer", "2", deployer, (".env", "log/"), kept=("shared", ".dep")),
    "ansistrano": Move("Ansistrano", "20261126052643Z", ansistrano, ("upload/",), kept=("shared", "repo")),
    "ansistrano-rsync": Move("Ansistrano", "20261125114640Z", ansistrano_rsync, ("upload/",)),
    "mina": Move("Mina", "9", mina, ("log/",), "", ("shared", "scm", "tmp"), "mina", ("11", "13")),
    "shipit": Move("shipit", "20261126090822", shipit, kept=()),
    "buddy": Move("Buddy", f"abc0002{'5' * 33}", buddy, refused="that Turnout did not put there", kept=()),
    "envoyer": Move("Envoyer", "20261125114640", envoyer, (".env", "storage/"), "outside of shared/", ("storage",)),
    "deployhq": Move("DeployHQ", "20261125114640", deployhq, ("config/",), kept=("shared", "cache")),
}


def test_every_recorded_root_is_moved():
    assert {path.stem for path in DATA.glob("*.jsonl")} == set(MOVES)


class Watched:
    """A root, and what in it is not to change: mode, time and bytes of every path there."""

    def __init__(self, root: Path, move: Move) -> None:
        self.root = root
        self.names = move.kept
        self.ours: tuple[str, ...] = move.ours
        self.known = self.facts()

    def facts(self) -> dict[str, tuple[object, ...]]:
        tops = [self.root / name for name in self.names]
        tops += [path for path in (self.root / "releases").iterdir() if path.name not in self.ours]
        paths = [path for top in tops for path in (top, *top.rglob("*"))]
        return {str(path.relative_to(self.root)): _facts(path) for path in paths}

    def check(self) -> None:
        assert self.facts() == self.known
        served = [path for path in self.root.iterdir() if path.is_symlink()]
        assert all(path.exists() for path in served), "a link that serves leads nowhere"

    def again(self) -> None:
        """From now on what is there now is not to change."""
        self.known = self.facts()


def _facts(path: Path) -> tuple[object, ...]:
    facts = path.lstat()
    link = os.readlink(path) if path.is_symlink() else ""
    return (facts.st_mode, facts.st_mtime_ns, link, path.read_bytes() if not link and path.is_file() else b"")


def made_by(operator: Engine) -> dict[str, str]:
    rows = release_rows(operator.fleet.inspect().states, ["web"])
    return {row["tag"]: row.get("made_by", "") for row in rows}


def first_deploy(operator: Engine, move: Move, watched: Watched, tag: str | None) -> None:
    """Deploy; where that is refused, do what the refusal says, and nothing has changed until then."""
    if move.refused:
        error = operator.fails(lambda: operator.deploy(tag=tag), UsageError, move.refused)
        watched.check()
        refusal = operator.plan(DeployRequest(tag=tag)).steps[0].refusal
        assert refusal and refusal.text in str(error)
        command = refusal.text.partition(" Then: ")[2]
        if command:
            subprocess.run(["sh", "-e", "-c", command], check=True)
            watched.names = ("shared",)
            watched.again()
        else:
            operator.run(AdoptRequest())
    operator.deploy(tag=tag)
    watched.check()


@pytest.mark.parametrize("name", MOVES)
def test_the_way_there_and_back(sshd, project_factory, engine, name):
    move, root = MOVES[name], sshd.files
    lay(name, root)
    theirs = releases(sshd)
    was = os.readlink(root / "current")
    live, form = os.path.basename(was), was[: was.rindex("/") + 1]
    watched = Watched(root, move)
    options = {"shared": list(move.shared), "compatible": move.compatible}
    operator = engine(project_factory([sshd], deploy={key: value for key, value in options.items() if value}))
    first, second = move.ours
    named = [None, None] if move.compatible else [first, second]

    def is_live(tag: str) -> None:
        assert os.readlink(root / "current") == f"{form}{tag}"
        watched.check()

    (findings,) = examine(operator.fleet).values()
    assert bool([each for each in findings if each.level == ERROR]) == bool(move.refused)
    assert made_by(operator) == dict.fromkeys(theirs, move.tool)
    is_live(live)
    operator.rollback(move.older)
    is_live(move.older)
    assert operator.rollback().tag == live, "undo takes back the way to the older one"
    is_live(live)
    operator.prune(keep=1)
    assert releases(sshd) == theirs
    first_deploy(operator, move, watched, named[0])
    is_live(first)
    assert operator.rollback().tag == live
    is_live(live)
    operator.rollback(first)
    is_live(first)
    # The old tool goes on, and so do we.
    newest = move.next(root)
    watched.again()
    assert operator.rollback().tag == first
    operator.rollback(newest)
    is_live(newest)
    operator.deploy(tag=named[1], ref="HEAD")
    is_live(second)
    assert (root / "current/index.html").read_text() == (root / "releases" / first / "index.html").read_text()
    operator.prune(keep=1)
    assert set(theirs) | {newest} <= set(releases(sshd))
    operator.run(AdoptRequest())
    assert set(records(sshd)) == {*releases(sshd), first}
    assert operator.run(AdoptRequest()).outcome == "nothing-to-do"
    assert operator.rollback().tag == newest
    operator.prune(keep=1)
    is_live(newest)
    operator.run(AdoptRequest(undo=True))
    assert set(records(sshd)) == {first, second}
    assert operator.run(AdoptRequest(undo=True)).outcome == "nothing-to-do"
    assert set(theirs) | {newest} <= set(releases(sshd))
    is_live(newest)
    at_rest([sshd])
