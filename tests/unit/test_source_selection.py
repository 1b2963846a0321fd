"""`exclude` and `publish` choose what is deployed, by the rules that git itself has for its patterns."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SourceError
from core.jobs import Cancel
from core.manifest import FOLDER, FOLDER_ENTRY, Manifest, link
from core.source.folder import scan
from core.source.selection import excluding, selected
from tests.strategies import file_entry, manifests

FILES = (
    b"a.map",
    b"keep.map",
    b"docs/index",
    b"docs/deep/page",
    b"src/docs/page",
    b"src/a.js",
    b"src/a.js.map",
    b"src/build/x",
    b"build/x",
    b"storage/.gitkeep",
    b"storage/log",
    b"name with space",
    b"#hash",
    b"!bang",
    b"-dash",
    b"new\nline.map",
    b"\xff\xfe.map",
    b"node_modules/p/index.js",
    "é.txt".encode(),
)


def tree_of(paths: tuple[bytes, ...]) -> Manifest:
    entries = dict.fromkeys(paths, file_entry(b"x"))
    for path in paths:
        while b"/" in path:
            path = path.rpartition(b"/")[0]
            entries[path] = FOLDER_ENTRY
    return Manifest(entries)


@pytest.mark.parametrize(
    "patterns",
    [
        ["*.map"],
        ["*.map", "!keep.map"],
        ["docs"],
        ["/docs"],
        ["docs/"],
        ["docs/*"],
        ["docs/**"],
        ["**/docs"],
        ["src/**/page"],
        ["/*", "!/src"],
        ["storage/**", "!storage/.gitkeep"],
        ["storage/*", "!storage/.gitkeep"],
        ["storage", "!storage/.gitkeep"],
        ["storage/", "!storage/.gitkeep"],
        ["build", "node_modules/"],
        ["name with space"],
        [r"\#hash", r"\!bang", "-dash"],
        ["# a comment", "", "  "],
        ["*.[jm]*"],
        ["é*"],
        ["a.ma?"],
        ["*"],
        ["**"],
        ["src/a.js "],
        ["/src/a.js/"],
    ],
    ids=" ".join,
)
def test_patterns_mean_what_they_mean_in_git(tmp_path: Path, patterns: list[str]) -> None:
    """git lists what it does not ignore; pathspec has to agree, for names of any bytes."""
    top = tmp_path / "top"
    for path in FILES:
        place = os.path.join(os.fsencode(top), path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(b"x")
    (tmp_path / "patterns").write_text("\n".join(patterns) + "\n")
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", f"--exclude-from={tmp_path}/patterns"],
        cwd=top,
        capture_output=True,
        check=True,
    ).stdout
    chosen = selected(tree_of(FILES), "", patterns)
    assert {path for path, entry in chosen.entries.items() if entry.is_file} == set(listed.split(b"\0")) - {b""}
    walked = scan(top, Cancel(), excluded=excluding(patterns), as_it_is=True)
    assert set(walked.entries) == set(chosen.entries)


patterns = st.lists(
    st.sampled_from(["*.txt", "a", "/b", "c/", "a/*", "b/**", "!a", "!b/c", "**/a", "*", "!*.txt", "[ab]", "new*"]),
    max_size=4,
)


@given(manifests(), patterns)
def test_what_is_kept_has_all_its_folders(tree: Manifest, exclude: list[str]) -> None:
    chosen = selected(tree, "", exclude)
    for path in chosen.entries:
        assert chosen.entries[path] == tree.entries[path]
        parent = path.rpartition(b"/")[0]
        assert not parent or chosen.entries[parent].kind == FOLDER


def test_nothing_excluded_is_the_whole_tree() -> None:
    tree = tree_of(FILES)
    assert selected(tree, "", []) is tree


def test_a_published_folder_loses_its_own_name() -> None:
    chosen = selected(tree_of(FILES), "src", ["/docs", "*.map"])
    assert set(chosen.entries) == {b"a.js", b"build", b"build/x"}


def test_a_folder_beside_with_the_same_beginning_is_not_published() -> None:
    tree = tree_of((b"dist/a", b"dist-old/b", b"dist.txt"))
    assert set(selected(tree, "dist", []).entries) == {b"a"}


@pytest.mark.parametrize(
    ("publish", "message"), [("b", "is not a folder"), ("l", "is not a folder"), ("q", "no folder q")]
)
def test_only_a_folder_can_be_published(publish: str, message: str) -> None:
    tree = Manifest({b"a": FOLDER_ENTRY, b"b": file_entry(b"x"), b"l": link(b"a")})
    with pytest.raises(SourceError, match=message):
        selected(tree, publish, [])


def test_a_pattern_that_is_none_is_named() -> None:
    with pytest.raises(SourceError, match=r"source\.exclude") as caught:
        excluding(["ok", "!"])
    assert "'!'" in str(caught.value)
