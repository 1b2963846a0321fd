"""Manifests: any tree goes to text and back, and a difference applied to the old tree gives the new one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.manifest import (
    EMPTY,
    EXECUTABLE,
    FILE,
    FOLDER,
    FOLDER_ENTRY,
    KNOWN_DIFFERENCES,
    LINK,
    Entry,
    Manifest,
    closed,
    difference,
    is_inside,
    link,
    parse,
)
from tests.strategies import AWKWARD_NAMES, file_entry, manifests, private_manifests, targets

SUM = "a" * 64


def applied(old: Manifest, new: Manifest) -> dict[bytes, Entry]:
    """What a server's folder holds after it has done what the difference says, as `rm -r` and `tar -x` would."""
    change = difference(old, new)
    held = dict(old.entries)
    for path in change.remove:
        assert path in held, "only what is there is removed"
        for other in [other for other in held if other == path or other.startswith(path + b"/")]:
            del held[other]
    for path in change.send:
        parent = path.rpartition(b"/")[0]
        assert not parent or held[parent].kind == FOLDER, "a folder comes before what lies in it"
        before = held.get(path)
        after = new.entries[path]
        # tar puts a file in a file's place and a link in a link's; nothing is written over a folder or through a link.
        assert before is None or (before.is_file and after.is_file) or before.kind == after.kind == LINK
        held[path] = new.entries[path]
    return held


@given(manifests())
def test_any_tree_survives_its_text_form(tree: Manifest) -> None:
    again = parse(tree.text)
    assert again.entries == tree.entries
    assert again.text == tree.text
    assert again.digest == tree.digest == hashlib.sha256(tree.text.encode()).hexdigest()


@given(manifests())
def test_text_lines_are_sorted_by_their_bytes(tree: Manifest) -> None:
    lines = tree.text.encode("ascii").splitlines()
    assert lines == sorted(lines)
    assert len(lines) == len(tree.entries)


@given(manifests(), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_listing(tree: Manifest, random: object) -> None:
    items = list(tree.entries.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert Manifest(dict(items)).digest == tree.digest


@given(manifests(), manifests())
def test_two_trees_share_a_digest_only_if_they_are_the_same(tree: Manifest, other: Manifest) -> None:
    assert (tree.digest == other.digest) == (tree.entries == other.entries)


@given(manifests(), manifests())
def test_a_difference_turns_the_old_tree_into_the_new_one(old: Manifest, new: Manifest) -> None:
    assert applied(old, new) == new.entries


@given(manifests(), manifests())
def test_a_difference_names_the_lines_that_one_side_alone_has(old: Manifest, new: Manifest) -> None:
    change = difference(old, new)
    assert sorted((set(old.lines) - set(change.gone)) | set(change.added)) == new.lines
    assert list(change.gone) == sorted(set(old.lines) - set(new.lines))
    assert list(change.added) == sorted(set(new.lines) - set(old.lines))


@given(manifests(), manifests())
def test_only_what_differs_is_sent_and_counted(old: Manifest, new: Manifest) -> None:
    change = difference(old, new)
    assert all(old.entries.get(path) != new.entries[path] for path in change.send)
    assert change.bytes == sum(new.entries[path].size for path in change.send)
    assert change.files == sum(new.entries[path].is_file for path in change.send)
    assert change.empty == (old.entries == new.entries)


@given(manifests())
def test_a_tree_does_not_differ_from_itself(tree: Manifest) -> None:
    change = difference(tree, Manifest(dict(tree.entries)))
    assert change.empty and not change.remove and not change.send and not change.bytes


def test_only_the_top_of_a_removed_folder_is_named() -> None:
    old = Manifest({b"a": FOLDER_ENTRY, b"a/b": FOLDER_ENTRY, b"a/b/c": file_entry(b"1"), b"a.txt": file_entry(b"2")})
    assert difference(old, EMPTY).remove == (b"a", b"a.txt")


@pytest.mark.parametrize("old", [link(b"elsewhere"), FOLDER_ENTRY, file_entry(b"1")])
@pytest.mark.parametrize("new", [link(b"here"), FOLDER_ENTRY, file_entry(b"2")])
def test_what_changes_its_kind_is_removed_first(old: Entry, new: Entry) -> None:
    change = difference(Manifest({b"x": old}), Manifest({b"x": new}))
    assert (b"x" in change.remove) == (old.kind != new.kind)


def test_a_file_that_becomes_executable_is_sent_and_not_removed() -> None:
    change = difference(Manifest({b"x": file_entry(b"1")}), Manifest({b"x": file_entry(b"1", executable=True)}))
    assert (change.send, change.remove) == ((b"x",), ())


def test_sizes_and_files_are_those_of_regular_files() -> None:
    tree = Manifest({b"d": FOLDER_ENTRY, b"d/f": file_entry(b"12345"), b"l": link(b"d"), b"x": file_entry(b"1", True)})
    assert (tree.bytes, tree.files) == (6, 2)
    assert (EMPTY.bytes, EMPTY.files, EMPTY.text) == (0, 0, "")


@given(targets)
def test_a_links_target_survives_byte_for_byte(target: bytes) -> None:
    assert parse(Manifest({b"l": link(target)}).text).entries[b"l"].target == target


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names_survive_in_every_place(name: bytes) -> None:
    tree = Manifest({name: FOLDER_ENTRY, name + b"/" + name: file_entry(b"1"), name + b"/l": link(name)})
    assert parse(tree.text).entries == tree.entries


@pytest.mark.parametrize("path", [b"", b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/..", b"../a", b"a/./b", b"a\0b"])
def test_paths_that_leave_the_tree_are_not_inside(path: bytes) -> None:
    assert not is_inside(path)


@pytest.mark.parametrize(
    "text",
    [
        "a\tf\t1",
        f"a\tf\t-1\t{SUM}",
        f"a\tf\t1_0\t{SUM}",
        f"a\tf\t+1\t{SUM}",
        f"a\tf\t01\t{SUM}",
        f"a\tf\t1\t{SUM}a",
        f"a\tf\t1\t{SUM[:-1]}A",
        f"a\tq\t1\t{SUM}",
        f"a\tf\t1\t{SUM}\textra",
        f"/etc/passwd\tf\t1\t{SUM}",
        f"../a\tf\t1\t{SUM}",
        f"a/../b\tf\t1\t{SUM}",
        f"a/.\tf\t1\t{SUM}",
        f"%2E%2E\tf\t1\t{SUM}",
        f"a%00b\tf\t1\t{SUM}",
        f"a b\tf\t1\t{SUM}",
        f"a%zz\tf\t1\t{SUM}",
        f"\tf\t1\t{SUM}",
        "a\tl\t0\t",
        "a\tl\t3\tb",
        "a\tl\t0\tb%0",
        "a\td\t0\tx",
        "a\td\t1\t-",
        "",
    ],
)
def test_a_line_that_is_not_an_entry_is_named_by_its_number(text: str) -> None:
    with pytest.raises(ValueError, match="line 2 of the manifest"):
        parse(f"ok\td\t0\t-\n{text}\nzz\td\t0\t-\n")


def test_a_manifest_that_names_a_path_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse("a\td\t0\t-\na\tl\t0\tx\n")


@given(st.text(max_size=80))
def test_text_that_is_not_a_manifest_is_a_value_error_and_nothing_else(text: str) -> None:
    try:
        tree = parse(text)
    except ValueError:
        return
    assert all(is_inside(path) for path in tree.entries)


TREE = Manifest({b"a": FOLDER_ENTRY, b"a/b": file_entry(b"1"), b"c": link(b"a b")}).text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TREE[:-1], "cut"),
        (TREE[:-9], "not an entry"),
        ("".join(reversed(TREE.splitlines(keepends=True))), "out of order"),
        (TREE.replace("\n", "\r\n"), "not an entry"),
        (TREE + "\0", "not an entry"),
        ("\n" + TREE, "line 1 "),
        (TREE + TREE.splitlines(keepends=True)[-1], "twice"),
        (TREE.replace("a%20b", "%61%20b"), "line 3 "),
        (TREE.replace("a/b", "a/%62"), "line 2 "),
        (TREE.replace("a%20b", "a%00b"), "line 3 "),
        (TREE.replace("a%20b", "a" * 4096), "line 3 "),
        (TREE.replace("\t1\t", f"\t{10**17}\t"), None),
        (TREE.replace("\t1\t", f"\t{10**18}\t"), "line 2 "),
    ],
)
def test_a_text_that_turnout_did_not_write_is_not_a_manifest(text: str, reason: str | None) -> None:
    if reason is None:
        assert parse(text).text == text
        return
    with pytest.raises(ValueError, match=reason):
        parse(text)


@given(manifests())
def test_the_text_is_the_only_form_of_a_tree(tree: Manifest) -> None:
    assert parse(tree.text).text == tree.text == Manifest(parse(tree.text).entries).text


@given(private_manifests())
def test_who_may_read_what_survives(tree: Manifest) -> None:
    again = parse(tree.text)
    assert again.entries == tree.entries and again.digest == tree.digest
    assert all(parse(tree.text).entries[path].mode == entry.mode for path, entry in tree.entries.items())


@given(private_manifests(), private_manifests())
def test_a_difference_in_modes_is_one(old: Manifest, new: Manifest) -> None:
    change = difference(old, new)
    assert sorted([*(set(old.lines) - set(change.gone)), *change.added]) == new.lines
    for path in set(change.send) & old.entries.keys():
        assert old.entries[path] != new.entries[path]


def test_a_tree_without_private_files_has_the_text_it_always_had() -> None:
    tree = Manifest({b"d": FOLDER_ENTRY, b"f": file_entry(b""), b"x": file_entry(b"", True), b"l": link(b"d")})
    nothing = hashlib.sha256(b"").hexdigest()
    assert tree.text == f"d\td\t0\t-\nf\tf\t0\t{nothing}\nl\tl\t0\td\nx\tx\t0\t{nothing}\n"
    assert [entry.mode for entry in tree.entries.values()] == [0o755, 0o644, 0o755, 0o777]


@pytest.mark.parametrize(
    ("kind", "mode", "kept"),
    [
        *((FILE, mode, 0o644) for mode in (0o644, 0o664, 0o666, 0o444, 0o744, 0o4755)),
        *((FILE, mode, 0o600) for mode in (0o600, 0o400, 0o620, 0o622, 0o611)),
        *((FILE, mode, 0o640) for mode in (0o640, 0o660, 0o440, 0o641)),
        (FILE, 0o604, 0o604),
        *((EXECUTABLE, mode, 0o755) for mode in (0o755, 0o775, 0o744, 0o555, 0o2755)),
        *((EXECUTABLE, mode, 0o700) for mode in (0o700, 0o711, 0o500)),
        *((EXECUTABLE, mode, 0o750) for mode in (0o750, 0o740)),
        *((FOLDER, mode, 0o755) for mode in (0o755, 0o777, 0o1777, 0o2775)),
        *((FOLDER, mode, 0o700) for mode in (0o700, 0o744, 0o766)),
        (FOLDER, 0o750, 0o750),
        (FOLDER, 0o711, 0o711),
        (FOLDER, 0o751, 0o751),
    ],
)
def test_who_may_not_read_in_the_source_may_not_on_the_server(kind: str, mode: int, kept: int) -> None:
    entry = Entry(kind, 0, "-", closed(kind, mode))
    assert oct(entry.mode) == oct(kept)
    text = Manifest({b"p": entry if kind == FOLDER else entry._replace(content=SUM)}).text
    assert (f"{kind}{kept:o}\t" in text) == (kept not in (0o644, 0o755))


@pytest.mark.parametrize("kind", ["f644", "f666", "f611", "x755", "x744", "x711", "l777", "f0600", "f60"])
def test_a_mode_that_is_not_in_its_one_form_is_not_an_entry(kind: str) -> None:
    with pytest.raises(ValueError, match="line 1 "):
        parse(f"a\t{kind}\t0\t{SUM}\n")


@pytest.mark.parametrize("kind", ["d755", "d744", "d777", "d70", "d"])
def test_a_folders_mode_is_in_its_one_form(kind: str) -> None:
    if kind == "d":
        assert parse("a\td711\t0\t-\n").entries[b"a"].mode == 0o711
        return
    with pytest.raises(ValueError, match="line 1 "):
        parse(f"a\t{kind}\t0\t-\n")


def test_a_difference_is_found_once_for_each_pair_and_few_are_kept() -> None:
    new = Manifest({b"a": FOLDER_ENTRY})
    first, second = Manifest({b"b": FOLDER_ENTRY}), Manifest({b"a": FOLDER_ENTRY})
    assert difference(first, new) is difference(first, new)
    assert difference(first, new) is not difference(first, new, of_group=True)
    assert (difference(first, new).empty, difference(second, new).empty) == (False, True)
    for number in range(100):
        other = Manifest({b"%d" % number: FOLDER_ENTRY})
        assert difference(other, new).remove == (b"%d" % number,)
    assert len(new.__dict__["_differences"]) <= KNOWN_DIFFERENCES
