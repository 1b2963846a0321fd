"""patch.sh: files made from what deploy-cache holds and from patches; what is not right stays as it was."""

from __future__ import annotations

import io
import os
import shutil
import subprocess

import pytest

from core.manifest import EXECUTABLE, FILE
from core.tar import patches as patching
from core.tar.patches import UNIT, Patches
from tests.servers import need
from tests.shell.agents import text_of
from tests.shell.test_locking import BEGIN, TOKEN
from tests.unit.test_patches import file_of, noise
from tests.unit.test_sums import CASES, runs_of

PROGRAM = text_of("patch.sh")
OLD = noise(5 * UNIT + 33)
NEW = OLD[:70_000] + b"changed" + OLD[70_007:200_000] + OLD[200_400:] + b"more"
WHEN = 1_000_000_000


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch):
    monkeypatch.setattr(patching, "RANGE", 2 * UNIT)
    monkeypatch.setattr(patching, "AROUND", UNIT)


@pytest.fixture
def cache(agent, root):
    """The deploy-cache of a root whose lock is held; `zstd` is in BusyBox's folder, too."""
    need("zstd")
    root.mkdir(parents=True)
    applets = root.parents[1] / "applets"
    if applets.is_dir():
        (applets / "zstd").symlink_to(need("zstd"))
    assert agent.ask(*BEGIN).status == 0
    folder = root / "deploy-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(params=["content", "sums"])
def known(request):
    """What the operator's machine still has of the old content."""
    return request.param


def arrived(root, tmp_path, *files: tuple[str, bytes, bytes, str], known: str = "content") -> Patches:
    """Bring the patches of files (path, old and new content, kind) to where an upload leaves them."""
    patches = Patches(tmp_path)
    for path, old, new, kind in files:
        name, entry = path.encode(), file_of(new, kind)
        with io.BytesIO(old) as before, io.BytesIO(new) as after:
            if known == "content":
                assert patches.add(name, entry, WHEN, before, len(old), after, lambda: None)
            else:
                assert patches.add_matched(name, entry, WHEN, runs_of(old, new), after, lambda: None)
    stream = b"".join(chunk.raw for chunk in patches.chunks()) + bytes(1024)
    subprocess.run(["tar", "-xpof", "-", "-C", root], input=stream, check=True)
    return patches


def ask(agent):
    return agent.ask("with", PROGRAM, "patch", TOKEN)


@pytest.mark.parametrize("name", ["a", "sub dir/b'\\c", "new\nline", "-n", "é\x1b*"])
def test_files_are_made_with_their_modes_and_times(agent, cache, root, tmp_path, name, known):
    place = cache / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(OLD)
    shutil.copy(place, cache / "other")
    arrived(root, tmp_path, (name, OLD, NEW, EXECUTABLE), ("other", OLD, OLD[:100_000], FILE), known=known)
    reply = ask(agent)
    assert (reply.status, reply.lines) == (0, [])
    assert (place.read_bytes(), (cache / "other").read_bytes()) == (NEW, OLD[:100_000])
    assert (place.stat().st_mode & 0o777, (cache / "other").stat().st_mode & 0o777) == (0o755, 0o644)
    assert place.stat().st_mtime == WHEN
    assert os.listdir(root / ".turnout/incoming") == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_by_its_sums_is_made(agent, cache, root, tmp_path, monkeypatch, case):
    """All cases of test_sums, of which some are patches and the others whole files."""
    monkeypatch.setattr(patching, "SMALLER", 1.1)
    old, new, _ = CASES[case]
    (cache / "a").write_bytes(old)
    arrived(root, tmp_path, ("a", old, new, FILE), known="sums")
    assert ask(agent).lines == []
    assert (cache / "a").read_bytes() == new


def test_another_name_of_the_file_keeps_the_old_content(agent, cache, root, tmp_path):
    """With `copy = "hardlink"` releases are other names of the cache's files."""
    (cache / "a").write_bytes(OLD)
    os.link(cache / "a", root / "in-a-release")
    arrived(root, tmp_path, ("a", OLD, NEW, FILE))
    assert ask(agent).lines == []
    assert ((cache / "a").read_bytes(), (root / "in-a-release").read_bytes()) == (NEW, OLD)


def test_what_is_not_as_it_should_be_is_named_and_stays(agent, cache, root, tmp_path, known):
    damaged = OLD[:100] + b"?" + OLD[101:]
    outside = root / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(OLD)
    for name, content in (("right", OLD), ("damaged", damaged), ("cut", OLD[:5000])):
        (cache / name).write_bytes(content)
    (cache / "link").symlink_to("right")
    (cache / "way").symlink_to(outside)
    names = ["damaged", "cut", "link", "way/f", "gone", "right"]
    arrived(root, tmp_path, *((name, OLD, NEW, FILE) for name in names), known=known)
    reply = ask(agent)
    assert (reply.status, reply.lines) == (0, [f"whole {number}" for number in range(5)])
    assert (cache / "right").read_bytes() == NEW, "the others are no obstacle"
    assert ((cache / "damaged").read_bytes(), (cache / "cut").read_bytes()) == (damaged, OLD[:5000])
    assert ((cache / "link").is_symlink(), (outside / "f").read_bytes()) == (True, OLD)


def test_a_piece_that_is_damaged_or_a_program_that_fails_is_not_believed(agent, cache, root, tmp_path, known):
    (cache / "a").write_bytes(OLD)
    (cache / "b").write_bytes(OLD)
    arrived(root, tmp_path, ("a", OLD, NEW, FILE), ("b", OLD, NEW, FILE), known=known)
    piece = root / ".turnout/incoming/patches/0"
    piece.write_bytes(piece.read_bytes()[:-2] + b"\0\0")
    assert ask(agent).lines == ["whole 0"]
    assert ((cache / "a").read_bytes(), (cache / "b").read_bytes()) == (OLD, NEW)


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "a//b", "./a"])
def test_nothing_is_made_outside_the_cache(agent, cache, root, path):
    folder = root / ".turnout/incoming/patches"
    folder.mkdir(parents=True)
    (root / "outside").write_bytes(OLD)
    content = file_of(OLD).content
    (folder / "list").write_text(f"file {content} 755 197001010000.00 {path}\ncopy 0 9\nend\n")
    assert ask(agent).status == 1
    assert (root / "outside").stat().st_mode & 0o777 != 0o755


def test_without_the_lock_or_the_patches_nothing_is_made(agent, cache, root, tmp_path):
    (cache / "a").write_bytes(OLD)
    assert ask(agent).status == 1
    arrived(root, tmp_path, ("a", OLD, NEW, FILE))
    assert agent.ask("with", PROGRAM, "patch", "0" * len(TOKEN)).status == 3
    assert (cache / "a").read_bytes() == OLD
