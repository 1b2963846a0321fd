"""What a complete release looks like: both sides see the same, whatever the names, and a difference has a name."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings

from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, Entry, Manifest, link
from core.remote.launch import script
from core.shape import MODES, differences, shape_digest
from tests.servers import need
from tests.strategies import file_entry, manifests

SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox": ("busybox", "sh")}
TREE = Manifest({b"d": FOLDER_ENTRY, b"d/f": file_entry(b"one"), b"l": link(b"d f"), b"x": file_entry(b"2", True)})


def shape_of(folder: str, *shell: str) -> bytes:
    """What the agent lists in a folder, by two halves. With BusyBox every program is one of its own."""
    path = {"PATH": os.path.join(os.path.dirname(folder), "applets")} if "busybox" in shell[0] else {}
    halves = "{ half 0 shape no; half 1 shape no; } | sort"
    words = [
        need(shell[0]),
        *shell[1:],
        "-c",
        f"LC_ALL=C; export LC_ALL\n{script('process.sh')}{script('listing.sh')}\ncd {folder!r}\n{halves}",
    ]
    return subprocess.run(words, check=True, capture_output=True, env={**os.environ, **path}).stdout


@pytest.fixture(params=SHELLS)
def shell(request, tmp_path):
    if request.param == "busybox":
        (tmp_path / "applets").mkdir()
        for name in ("find", "stat", "sort", "sh", "readlink"):
            (tmp_path / "applets" / name).symlink_to(need("busybox"))
    need(request.param)
    return SHELLS[request.param]


def write(folder: bytes, tree: Manifest) -> None:
    for path, entry in sorted(tree.entries.items()):
        place = os.path.join(folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if entry.kind == "d":
            os.makedirs(place, exist_ok=True)
        elif entry.kind == "l":
            os.symlink(entry.target, place)
        else:
            with open(place, "wb") as file:
                file.truncate(entry.size)
            os.chmod(place, 0o755 if entry.kind == EXECUTABLE else 0o644)


def odd_tree(*names: bytes) -> Manifest:
    """Files, folders and links with these names, and links to them."""
    entries: dict[bytes, Entry] = {}
    for number, name in enumerate(names):
        folder = b"%d %b" % (number, name)
        entries |= {folder: FOLDER_ENTRY, folder + b"/" + name: file_entry(name), folder + b"/l" + name: link(name)}
    return Manifest(entries)


ODD = (b"a b", b"\n", b"a\n", b"a\n\nf 3 .b", b"\\n", b"'\"", b"\xff", "é".encode(), b"-n", b"%p", b" ", b"\t", b"\r")


def test_the_agent_sees_what_is_expected_of_any_names(shell, tmp_path):
    tree = odd_tree(*ODD)
    write(os.fsencode(tmp_path / "release"), tree)
    said = shape_of(str(tmp_path / "release"), *shell)
    assert hashlib.sha256(said).hexdigest() == shape_digest(tree)
    assert differences(tree, said.removesuffix(b"\n").split(b"\n")) == []


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(manifests(), manifests())
def test_two_trees_that_differ_in_more_than_content_have_different_shapes(tree: Manifest, other: Manifest) -> None:
    def outside(of: Manifest):
        return {path: entry if entry.kind == "l" else entry[:2] for path, entry in of.entries.items()}

    assert (shape_digest(tree) == shape_digest(other)) == (outside(tree) == outside(other))


def lines_of(tree: Manifest, **changes: Entry | None) -> list[bytes]:
    """The lines of a tree with entries changed, and removed where they are None."""
    entries = dict(tree.entries) | {name.encode(): entry for name, entry in changes.items()}
    lines = []
    for path, entry in entries.items():
        if entry is not None:
            size = b"%d " % entry.size if entry.is_file else b""
            target = b" " + entry.target if entry.kind == "l" else b""
            lines.append(b"%b %b./%b%b" % (entry.kind.encode(), size, path, target))
    return lines


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({}, []),
        ({"x": None}, ["x is missing"]),
        ({"x": Entry(FILE, 1, "")}, ["x is not what was sent"]),
        ({"x": Entry(EXECUTABLE, 2, "")}, ["x is not what was sent"]),
        ({"l": link(b"d g")}, ["l is not what was sent"]),
        ({"l": FOLDER_ENTRY}, ["l is not what was sent"]),
        ({"x": Entry("?", 0, "-")}, ["x is not what was sent"]),
        ({"other": link(b"a b")}, ["other a b does not belong there"]),
        ({"o\x1b[31m": FOLDER_ENTRY}, ["o\\x1b[31m does not belong there"]),
        ({"x": None, "more": FOLDER_ENTRY}, ["x is missing", "more does not belong there"]),
        (
            dict.fromkeys(("a", "b", "c", "e"), FOLDER_ENTRY),
            [*(f"{name} does not belong there" for name in "abc"), "and 1 other difference"],
        ),
    ],
)
def test_a_difference_is_reported_by_name(changes, differing):
    assert differences(TREE, lines_of(TREE, **changes)) == differing


def test_a_mode_counts_only_where_something_is_private():
    public = Manifest({b"a": file_entry(b"x"), b"d": FOLDER_ENTRY})
    closed = Manifest({**public.entries, b"a": public.entries[b"a"]._replace(closed=0o044)})
    assert not shape_digest(public).startswith(MODES) and shape_digest(closed).startswith(MODES)
    lines = [b"d ./d", b"f 1 ./a"]
    assert differences(public, lines) == []
    assert differences(closed, [*lines, b"m 600 ./a"]) == []
    assert differences(closed, lines) == ["a has a different mode than was sent"]
    assert differences(closed, [*lines, b"m 600 ./a", b"m 750 ./d"]) == ["d has a different mode than was sent"]
    assert differences(closed, lines[:1]) == ["a is missing", "a has a different mode than was sent"]


@pytest.mark.parametrize("number", [0, 1, 2, 200, 201])
def test_both_halves_together_are_all_of_a_folder(shell, tmp_path, number):
    """Above 200 entries one half is the whole folder and the other nothing."""
    tree = Manifest({b".%d" % place: file_entry(b"x") for place in range(number)})
    (tmp_path / "release").mkdir()
    write(os.fsencode(tmp_path / "release"), tree)
    said = shape_of(str(tmp_path / "release"), *shell)
    assert hashlib.sha256(said).hexdigest() == shape_digest(tree)
