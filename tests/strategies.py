"""What hypothesis makes trees from: names of any bytes, entries, whole manifests that a folder could hold."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, LINK, Entry, Manifest, closed, link

AWKWARD_NAMES = (
    b"plain.txt",
    b"with space",
    b" leading and trailing ",
    b"-rf",
    b"--help",
    b"new\nline",
    b"tab\there",
    b"carriage\rreturn",
    b"quote'single",
    b'quote"double',
    b"back\\slash",
    b"dollar$HOME",
    b"tick`date`",
    b"star*",
    b"question?",
    b"[bracket]",
    b"{brace,s}",
    b"semi;colon",
    b"amp&ersand",
    b"pipe|",
    b"#hash",
    b"!bang",
    b"~tilde",
    b"%41percent",
    b"...",
    b".hidden",
    b"\xc3\xa9t\xc3\xa9",
    "💾.txt".encode(),
    b"\xff\xfe not utf-8",
    b"\x01\x1b[31mcontrol",
    b"n" * 255,
)
"""One of each kind of name that has broken a deployment somewhere."""

names = st.one_of(
    st.sampled_from(AWKWARD_NAMES),
    st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"0")),
    st.sampled_from([b"a", b"b", b"c"]),  # few, so that trees share names
).filter(lambda name: name not in (b".", b".."))

targets = st.one_of(
    st.sampled_from([b"a", b"../a", b"/etc/passwd", b"dangling", b"."]),
    st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"\0", b"0")),
)
contents = st.sampled_from([b"", b"one\n", b"two\n", b"x" * 1000])


def file_entry(content: bytes, executable: bool = False) -> Entry:
    """The entry of a file with this content."""
    return Entry(EXECUTABLE if executable else FILE, len(content), hashlib.sha256(content).hexdigest())


leaves = st.one_of(
    st.tuples(contents, st.booleans()).map(lambda pair: file_entry(*pair)),
    targets.map(link),
    st.just(FOLDER_ENTRY),
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest that a folder could have: every folder above an entry is an entry itself."""
    paths = draw(st.lists(st.lists(names, min_size=1, max_size=3).map(tuple), max_size=8))
    entries: dict[bytes, Entry] = {}
    for parts in paths:
        for length in range(1, len(parts)):
            entries[b"/".join(parts[:length])] = FOLDER_ENTRY
    for parts in paths:
        entries.setdefault(b"/".join(parts), draw(leaves))
    return Manifest(entries)


@st.composite
def private_manifests(draw: st.DrawFn) -> Manifest:
    """A manifest in which not everybody may read everything."""
    tree = draw(manifests())
    bits = {path: draw(st.integers(0, 0o777)) for path, entry in tree.entries.items() if entry.kind != LINK}
    closing = {path: closed(tree.entries[path].kind, mode) for path, mode in bits.items()}
    return Manifest({path: entry._replace(closed=closing.get(path, 0)) for path, entry in tree.entries.items()})
