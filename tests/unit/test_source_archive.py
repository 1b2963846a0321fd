"""Archives of every form give the same tree, and nothing in a malicious one is ever written outside or deployed."""

# ruff: noqa: E501
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from core.config import parse
from core.errors import ConfigError, SourceError
from core.events import HookOutput
from core.manifest import EXECUTABLE, FILE, FOLDER, LINK
from core.settings import Settings
from core.source import make_tree
from core.source.archive import unpacking
from tests.projects import Nowhere, SampleProject, make_project
from tests.trees import contents, tree_of

Packed = Callable[..., SampleProject]


@pytest.fixture
def packed(tmp_path: Path) -> Packed:
    """Makes a project that deploys an archive with these bytes."""

    def make(content: bytes, name: str = "shop.tar.gz", **options: Any) -> SampleProject:
        project = SampleProject(tmp_path / "project", tmp_path / "project/app", "archive")
        if not project.config.exists():
            make_project(project.folder, [Nowhere()], {"a": "x"}, source="archive")
        (project.folder / name).write_bytes(content)
        project.set(archive=name, **options)
        return project

    return make


def member(name: str, content: bytes = b"", **facts: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), 0o644, 1_700_000_000
    for key, value in facts.items():
        setattr(info, key, value)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def folder(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=mode)


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def zip_member(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2026, 11, 21, 19, 30, 0))
    info.external_attr, info.create_system = mode << 16, 3 if mode else 0
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def refused(project: SampleProject) -> str:
    """What a person reads; nothing was left in the cache but folders."""
    with pytest.raises(SourceError) as error:
        tree_of(project)
    assert [path for path in (Settings().cache / "exports").glob("*/*") if not path.name.startswith(".")] == []
    return str(error.value)


GOOD = (
    member("shop/index.html", b"<h1>shop</h1>\n"),
    member("shop/bin/run", b"#!/bin/sh\n", mode=0o755),
    folder("shop/empty/"),
    link("shop/latest", "bin/run"),
    link("shop/bin/up", "../index.html"),
    member("shop/" + "d" * 90 + "/" + "f" * 120, b"long"),
    member("shop/ü 💾", b"unicode"),
)
PLAIN = tar(*GOOD)
FORMS = {
    "pax": PLAIN,
    "gnu": tar(*GOOD, form=tarfile.GNU_FORMAT),
    "ustar": tar(*GOOD[:5], *GOOD[6:], form=tarfile.USTAR_FORMAT),
    "gz": gzip.compress(PLAIN),
    "gz in two parts, with padding": gzip.compress(PLAIN[:700]) + gzip.compress(PLAIN[700:]) + b"\0" * 1000,
    "bz2": bz2.compress(PLAIN),
    "bz2 in two parts": bz2.compress(PLAIN[:700]) + bz2.compress(PLAIN[700:]),
    "xz": lzma.compress(PLAIN),
    "lzma": lzma.compress(PLAIN, lzma.FORMAT_ALONE),
    "zstd": zstd.compress(PLAIN),
    "zstd in two frames": zstd.compress(PLAIN[:700]) + zstd.compress(PLAIN[700:]),
    "zip": zipped(
        (zip_member("shop/index.html", stat.S_IFREG | 0o644), b"<h1>shop</h1>\n"),
        (zip_member("shop/bin/run", stat.S_IFREG | 0o755), b"#!/bin/sh\n"),
        (zip_member("shop/empty/", stat.S_IFDIR | 0o755), b""),
        (zip_member("shop/latest", stat.S_IFLNK | 0o777), b"bin/run"),
        (zip_member("shop/bin/up", stat.S_IFLNK | 0o777), b"../index.html"),
        (zip_member("shop/" + "d" * 90 + "/" + "f" * 120, stat.S_IFREG | 0o644), b"long"),
        (zip_member("shop/ü 💾", stat.S_IFREG | 0o644), b"unicode"),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_tree_whatever_its_name_is(packed: Packed, form: str) -> None:
    tree = tree_of(packed(FORMS[form], "artifact", strip=1))
    kinds = {path: entry.kind for path, entry in tree.manifest.entries.items() if b"d" * 90 not in path}
    expected = {b"index.html": FILE, b"bin": FOLDER, b"bin/run": EXECUTABLE, b"empty": FOLDER, b"latest": LINK}
    assert kinds == {**expected, b"bin/up": LINK, "ü 💾".encode(): FILE}
    files = {b"index.html": b"<h1>shop</h1>\n", b"bin/run": b"#!/bin/sh\n", "ü 💾".encode(): b"unicode"}
    if form != "ustar":
        files[b"d" * 90 + b"/" + b"f" * 120] = b"long"
    assert contents(tree) == files
    assert tree.manifest.entries[b"bin/up"].target == b"../index.html"


def test_the_systems_own_tar_and_its_large_numbers_are_read(packed: Packed, tmp_path: Path) -> None:
    (tmp_path / "site/d").mkdir(parents=True)
    (tmp_path / "site/d/a").write_bytes(os.urandom(3 << 20))
    os.utime(tmp_path / "site/d/a", (0, 0))
    for options in ("--format=gnu", "--format=v7", "--format=ustar", "--format=posix"):
        assert os.system(f"tar {options} -C {tmp_path}/site -cf {tmp_path}/x.tar .") == 0
        assert contents(tree_of(packed((tmp_path / "x.tar").read_bytes()))) == {
            b"d/a": (tmp_path / "site/d/a").read_bytes()
        }


def test_what_is_private_in_an_archive_is_private_on_the_servers(packed: Packed) -> None:
    content = tar(member("key", b"k", mode=0o600), folder("d", 0o2750), member("d/x", b"x", mode=0o750))
    entries = tree_of(packed(content)).manifest.entries
    assert {path: oct(entry.mode) for path, entry in entries.items()} == {
        b"key": "0o600", b"d": "0o750", b"d/x": "0o750"
    }  # fmt: skip
    tree = tree_of(packed(zipped(("a", b"x"))))
    assert tree.manifest.entries[b"a"].mode == 0o644, "an archive without modes is open"


def test_an_archive_is_unpacked_once_and_again_when_it_has_changed(packed: Packed) -> None:
    project = packed(tar(member("a", b"one")))
    file = project.folder / "shop.tar.gz"
    old = (1_700_000_000, 1_700_000_000)
    os.utime(file, old)
    first = tree_of(project)
    assert contents(first) == {b"a": b"one"}
    file.write_bytes(tar(member("a", b"two")))
    os.utime(file, old)
    second = tree_of(project)
    assert contents(second) == {b"a": b"two"}, "size and time of the archive are the same"
    assert contents(first) == {b"a": b"one"}, "who still sends the earlier one is not disturbed"


def test_a_build_runs_in_a_clean_copy_of_the_archive(packed: Packed) -> None:
    content = tar(
        member("shop/a", b"x"), member("shop/run", b"#!/bin/sh\necho ran; mkdir dist; cp a dist/\n", mode=0o755)
    )
    project = packed(content, strip=1, build=["./run", "echo more >> a"], publish="dist")
    for _ in range(2):
        events: list = []
        tree = tree_of(project, events=events)
        assert contents(tree) == {b"a": b"x"}
        assert [event.line for event in events if isinstance(event, HookOutput)] == ["ran"]


OUT = "is a link out of what is deployed"
MALICIOUS: dict[str, tuple[bytes, str]] = {
    "an absolute path": (tar(member("/etc/cron.d/x", b"x")), "/etc/cron.d/x has an absolute path"),
    "a path with ..": (tar(member("a/../../x", b"x")), "a/../../x leads out of the archive by '..'"),
    "a path with .. behind ./": (tar(member("./../x", b"x")), "./../x leads out"),
    "an empty part": (tar(member("a//b", b"x")), "a//b has an empty part"),
    "an absolute link": (tar(link("passwd", "/etc/passwd")), f"passwd {OUT}, to /etc/passwd"),
    "a link out": (tar(link("a/b/up", "../../../x")), f"a/b/up {OUT}"),
    "a link out by way of another": (tar(link("a/l", ".."), link("b/m", "../a/l/../x")), f"b/m {OUT}"),
    "a ring of links": (tar(link("a", "b"), link("b", "a")), f"a {OUT}"),
    "a write through a link": (tar(link("d", "/tmp"), member("d/x", b"x")), "d/x lies in d, which is a link"),
    "a write through a link inside": (tar(folder("e"), link("d", "e"), member("d/x", b"x")), "d/x lies in d, which is a link"),
    "a file in a file": (tar(member("d", b"x"), member("d/x", b"x")), "d/x lies in d, which is a file"),
    "a link in place of a folder": (tar(member("d/x", b"x"), link("d", "/tmp")), "d is a folder, too"),
    "a hard link": (tar(member("a", b"x"), link("b", "a", tarfile.LNKTYPE)), "b is a hard link"),
    "a hard link out": (tar(link("b", "/etc/shadow", tarfile.LNKTYPE)), "b is a hard link"),
    "a device": (tar(member("null", type=tarfile.CHRTYPE)), "null is a character device"),
    "a disk": (tar(member("sda", type=tarfile.BLKTYPE)), "sda is a block device"),
    "a FIFO": (tar(member("pipe", type=tarfile.FIFOTYPE)), "pipe is a FIFO"),
    "an unknown kind": (tar(member("odd", type=b"V")), "odd is of a kind that cannot be deployed"),
    "one name twice": (tar(member("a", b"1"), member("a", b"2")), "a is there twice"),
    "one folder twice": (tar(folder("a"), folder("a/")), "a/ is there twice"),
    "names that differ in case": (tar(member("README", b"1"), member("readme", b"2")), "readme differs from README only"),
    "folders that differ in case": (tar(member("A/x", b"1"), member("a/y", b"2")), "a/y differs from A only"),
    "accents in two forms": (tar(member("\u00e9", b"1"), member("e\u0301", b"2")), "differs from \u00e9 only"),
    "a setuid bit": (tar(member("sudo", b"x", mode=0o4755)), "sudo has a setuid or setgid bit"),
    "a setgid bit": (tar(member("sudo", b"x", mode=0o2755)), "sudo has a setuid or setgid bit"),
    "a line end in a name": (tar(member("a\nb", b"x")), "a\\nb has a control character or a line end"),
    "an escape in a name": (tar(member("a\x1b[31m", b"x")), "a\\x1b[31m has a control character"),
    "a name that is not UTF-8": (tar(member("a\udcff", b"x"), form=tarfile.GNU_FORMAT), "a\\xff has a name that is not UTF-8"),
    "a name that is too long": (tar(member("n" * 300, b"x")), "cannot be written: File name too long"),
    "a link without a target": (tar(link("a", "")), "a is a link without a target"),
    "nothing at all": (tar(), "shop.tar.gz is empty"),
    "an absolute path in zip": (zipped(("/etc/x", b"x")), "/etc/x has an absolute path"),
    ".. in zip": (zipped(("a/../../x", b"x")), "a/../../x leads out of the archive"),
    "a link out in zip": (zipped((zip_member("l", stat.S_IFLNK | 0o777), b"/etc/passwd")), f"l {OUT}, to /etc/passwd"),
    "a write through a link in zip": (
        zipped((zip_member("l", stat.S_IFLNK | 0o777), b"/tmp"), ("l/x", b"x")),
        "l/x lies in l, which is a link",
    ),
    "a device in zip": (zipped((zip_member("null", stat.S_IFCHR | 0o666), b"")), "null is neither a file nor a folder nor a link"),
    "a setuid bit in zip": (zipped((zip_member("su", stat.S_IFREG | 0o4755), b"x")), "su has a setuid"),
    "a backslash in zip": (zipped(("a\\..\\b", b"x")), "has a backslash in its name"),
    "a method of zip that is rare": (zipped(("a", b"x"), method=zipfile.ZIP_LZMA), "a is compressed by method 14"),
    "an encrypted zip": (zipped(("a", b"x")).replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"), "a is encrypted"),
    "two names in zip": (zipped(("good", b"x")).replace(b"good", b"evil", 1), "good cannot be unpacked"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", MALICIOUS)
def test_what_is_malicious_is_refused_by_name(packed: Packed, what: str, tmp_path: Path) -> None:
    content, said = MALICIOUS[what]
    before = {path for path in tmp_path.rglob("*") if "cache" not in str(path)}
    text = refused(packed(content))
    assert said in text
    assert "\x1b" not in text
    outside = {path for path in tmp_path.rglob("*") if "cache" not in str(path)} - before
    assert {path.name for path in outside} <= {"project", "app", "a", "app.tar", "shop.tar.gz", "turnout.toml"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_zip_is_refused(packed: Packed) -> None:
    assert "a is there twice" in refused(packed(zipped(("a", b"1"), ("a", b"2"))))


def test_all_that_is_wrong_is_named_at_once(packed: Packed) -> None:
    content = tar(
        member("/abs", b"x"), member("ok", b"x"), member("pipe", type=tarfile.FIFOTYPE), member("../up", b"x")
    )
    text = refused(packed(content))
    assert all(name in text for name in ("/abs", "pipe", "../up")) and "ok" not in text.replace("looks", "")
    many = refused(packed(tar(*(member(f"/abs{number}", b"x") for number in range(500)))))
    assert many.count("absolute") == 20 and "and perhaps more" in many


def test_a_link_that_leaves_only_what_is_published_is_refused(packed: Packed) -> None:
    content = tar(member("src/x", b"x"), member("dist/a", b"x"), link("dist/x", "../src/x"))
    project = packed(content)
    assert b"dist/x" in tree_of(project).manifest.entries
    project.set(publish="dist")
    with pytest.raises(SourceError, match="holds what cannot be deployed") as error:
        tree_of(project)
    assert f"x {OUT}, to ../src/x" in error.value.detail
    project.set(exclude=["/x"])
    assert contents(tree_of(project)) == {b"a": b"x"}


def test_what_strip_would_leave_out_is_refused(packed: Packed) -> None:
    project = packed(tar(folder("shop"), member("shop/a", b"1"), member("README", b"1")), strip=1)
    assert "README lies in a folder that `strip = 1` leaves out" in refused(project)


# Bombs: neither memory nor disk grows beyond a bound


def refused_within(project: SampleProject, most: int) -> str:
    """What a person reads; memory has not grown by more than `most` bytes at any time, as Python counts it."""
    tracemalloc.start()
    try:
        said = refused(project)
        assert tracemalloc.get_traced_memory()[1] < most
        return said
    finally:
        tracemalloc.stop()


def zeros(compress: Any, size: int, finish: Callable[[], bytes]) -> bytes:
    """A tar archive of one file of zeros, compressed piece by piece."""
    info = member("bomb")[0]
    info.size = size
    out = compress(info.tobuf(tarfile.GNU_FORMAT))
    block = b"\0" * (1 << 20)
    for _ in range(size >> 20):
        out += compress(block)
    return out + compress(b"\0" * 1024) + finish()


def bombs() -> Iterable[tuple[str, bytes]]:
    size = 300 << 20
    gz = zlib.compressobj(9, wbits=31)
    yield "gz", zeros(gz.compress, size, gz.flush)
    xz = lzma.LZMACompressor(preset=1)
    yield "xz", zeros(xz.compress, size, xz.flush)
    z = zstd.ZstdCompressor()
    yield "zstd", zeros(z.compress, size, z.flush)
    yield "zip", zipped(("bomb", b"\0" * (60 << 20)))


@pytest.mark.parametrize(("kind", "content"), bombs(), ids=["gz", "xz", "zstd", "zip"])
def test_a_bomb_is_stopped_at_the_limit(packed: Packed, kind: str, content: bytes) -> None:
    assert len(content) < 400_000
    said = refused_within(packed(content, limit="20 MB"), 8 << 20)
    assert "shop.tar.gz holds more than 20 MB" in said and "set a larger `limit`" in said


def test_a_size_that_is_a_lie_changes_nothing(packed: Packed) -> None:
    liar = member("a", b"x")[0]
    liar.size = 1 << 60
    content = liar.tobuf(tarfile.GNU_FORMAT) + b"x" * 1000
    assert "the archive ends too soon" in refused(packed(content))
    project = packed(gzip.compress(content + b"\0" * (30 << 20)))
    project.set(limit="10 MB")
    assert "holds more than 10 MB" in refused(project)


def test_a_huge_extended_header_is_refused_before_it_is_read(packed: Packed) -> None:
    for flag in (b"x", b"g", b"L", b"K"):
        header = member("pax", type=flag)[0]
        header.size = 3 << 30
        stream = zlib.compressobj(wbits=31)
        content = stream.compress(header.tobuf(tarfile.GNU_FORMAT))
        content += b"".join(stream.compress(b"a" * (1 << 20)) for _ in range(64)) + stream.flush()
        project = packed(content)
        assert "an extended header of 3.2 GB" in refused_within(project, 8 << 20)


def test_too_many_members_are_refused(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_MEMBERS", 20)
    assert "holds more than 20 members" in refused(packed(tar(*(member(f"f{number}", b"") for number in range(21)))))


def test_the_list_of_a_zip_is_not_read_where_it_is_too_long(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.source.archive import zipped as module

    monkeypatch.setattr(module, "_LONGEST_LIST", 1000)
    files = [(f"f{number}", b"") for number in range(100)]
    assert "list of members has more than" in refused(packed(zipped(*files)))
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 10)
    assert "list of members has more than" in refused(packed(zipped(*files)))


# Damage


@pytest.mark.parametrize("form", [form for form in FORMS if "parts" not in form and "frames" not in form])
def test_an_archive_that_is_cut_off_is_refused(packed: Packed, form: str) -> None:
    whole = FORMS[form]
    project = packed(b"")
    end = len(whole.rstrip(b"\0"))  # a tar archive is filled with zeros
    for place in (1, 10, end // 5, end // 2, end - 30, end - 1):
        (project.folder / "shop.tar.gz").write_bytes(whole[:place])
        text = refused(project)
        assert "shop.tar.gz" in text and ("too soon" in text or "damaged" in text or "cannot be unpacked" in text)


@pytest.mark.parametrize("form", ["gz", "bz2", "xz", "zip", "pax"])
def test_an_archive_with_wrong_bytes_is_refused_or_gives_what_it_names(packed: Packed, form: str) -> None:
    whole = FORMS[form]
    project = packed(b"")
    for place in range(20, len(whole), max(1, len(whole) // 40)):
        (project.folder / "shop.tar.gz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            tree_of(project)
        except SourceError as error:
            assert "shop.tar.gz" in error.title


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x1f\x8b", b"PK\x03\x04", b"<html>" * 200, bytes(range(1, 256)) * 9], ids=range(6)
)
def test_what_is_no_archive_is_refused(packed: Packed, content: bytes) -> None:
    assert "shop.tar.gz" in refused(packed(content))


def test_pax_headers_that_lie_are_refused(packed: Packed) -> None:
    def with_records(text: bytes) -> bytes:
        header, file = member("pax", type=b"x")[0], member("a", b"x")
        header.size = len(text)
        return header.tobuf(tarfile.USTAR_FORMAT) + text + b"\0" * (-len(text) % 512) + tar(file)

    for text in (b"9999 path=x\n", b"5 a\n", b"path=x\n", b"0 path=x\n", b"12 size=1x2\n", b"11 path=x", b" " * 600):
        assert "shop.tar.gz: the archive is damaged" in refused(packed(with_records(text)))
    sparse = packed(with_records(b"22 GNU.sparse.major=1\n"))
    assert "a is a sparse file" in refused(sparse)


# Configuration


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('directory = "d"\nstrip = 1', "source.strip: is only for an archive, not for a directory"),
        ('git = "."\nlimit = "1 GB"', "source.limit: is only for an archive, not for a git repository"),
        ('archive = "a"\nref = "main"', "source.ref: is only for a git source; an archive has no revisions"),
        ('archive = "a"\npath = "x"', "source.path: is only for a git source"),
        ('archive = "a"\ngit = "."', 'source.git: cannot be combined with "archive"'),
        ('archive = "a"\nlimit = "much"', 'source.limit: must be a size such as "500 MB"'),
        ('archive = "a"\nlimit = 0', "source.limit: must be a size from 1 byte"),
        ('archive = "a"\nlimit = "0 GB"', "source.limit: must be a size from 1 byte"),
        ('archive = "a"\nstrip = -1', "source.strip: must be 0 or more"),
        ('archive = ""', "source.archive: must not be empty"),
        ('git = "."\npath = "."', 'source.path: "." is the whole repository'),
        ('git = "."\npath = "../x"', "source.path: \"../x\" must not contain '..'"),
        ('git = "."\npath = "/x"', 'source.path: "/x" must be relative'),
        ('git = "."\nref = "tag:"', 'source.ref: "tag:" needs a pattern of tags'),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys: str, said: str) -> None:
    text = f'project = "shop"\n[source]\n{keys}\n[environments.p]\nservers = [{{name="a", host="a", root="/srv/a"}}]\n'
    with pytest.raises(ConfigError) as error:
        parse(text, Path("turnout.toml"), Settings(environ={}))
    assert said in str(error.value)


def test_a_cancel_leaves_nothing(packed: Packed) -> None:
    from core.errors import Cancelled
    from core.jobs import Cancel

    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        make_tree(packed(PLAIN).load(), None, [].append, cancel)
