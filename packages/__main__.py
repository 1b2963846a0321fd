"""`make dist`: the wheel, the sdist, and what packagers need, from the last commit into dist/.

The tree is taken out of git, so that nothing of this machine gets in, and its time is the commit's: one commit always
gives the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
HERE = Path("packages")
URL = "https://turnout.example"
"""Where the sdist is published, as long as nobody says where: a name that belongs to nobody (RFC 2606)."""
TEMPLATES = ("turnout.rb", "PKGBUILD")
BESIDE = (
    "tui/pages/configuration.md",
    "tui/pages/operations.md",
    "data/share/man/man1/turnout.1",
    "data/share/doc/turnout/CHANGELOG.md",
    "data/share/bash-completion/completions/turnout",
    "data/share/zsh/site-functions/_turnout",
    "data/share/fish/vendor_completions.d/turnout.fish",
    "licenses/LICENSE",
)
"""What a wheel must have beside the files of core/ and tui/."""


class Faulty(Exception):
    """The packages are not made, or are not what they should be."""


def make(source: Path, out: Path, url: str, epoch: int) -> list[Path]:
    """Build all packages of a source tree into `out`, and look at them; their files. Faulty where one is not right."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Faulty(done.stdout)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    faults = [*_differs(wheel, source), *_of_this_machine(wheel, sdist, source)]
    if faults:
        raise Faulty("\n".join(faults))
    made = [wheel, sdist, *_from_templates(source, sdist, out, url)]
    lines = [f"{_sha256(path)}  {path.name}\n" for path in made]
    (out / "SHA256SUMS").write_text("".join(lines), "ascii")
    return [*made, out / "SHA256SUMS"]


def _differs(wheel: Path, source: Path) -> Iterator[str]:
    """What the wheel should have and has not, and what it has and should not."""
    found = {re.sub(r"^[^/]+\.(data|dist-info)/", r"", name) for name in ZipFile(wheel).namelist()}
    wanted = {*_files(source), *BESIDE}
    for name in sorted(wanted - found):
        yield f"{wheel.name} lacks {name}"
    for name in sorted(found - wanted):
        if name.startswith(("core/", "tui/", "data/")):
            yield f"{wheel.name} has {name}, which is not a file of Turnout"


def _files(source: Path) -> list[str]:
    """The files of core/ and tui/: those that git has, in a tree that was taken out of git all of them."""
    if (source / ".git").exists():
        words = ["git", "-C", str(source), "ls-files", "-z", "core", "tui"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.rstrip("\0").split("\0")
    files = (path for part in ("core", "tui") for path in (source / part).rglob("*") if path.is_file())
    return [path.relative_to(source).as_posix() for path in files]


def _of_this_machine(wheel: Path, sdist: Path, source: Path) -> Iterator[str]:
    """Files that name a folder of this machine, or the index that packages come from here."""
    found = {str(ROOT), str(source), str(Path.home()), sys.prefix, *_indexes()}
    traces = [trace.encode() for trace in found if len(trace) > len("/root")]
    archive = ZipFile(wheel)
    contents = {f"{wheel.name}: {name}": archive.read(name) for name in archive.namelist()}
    with tarfile.open(sdist) as tar:
        for member in tar:
            file = tar.extractfile(member)
            contents[f"{sdist.name}: {member.name}"] = file.read() if file else b""
            if (member.uid, member.gid, member.uname) != (0, 0, ""):
                yield f"{sdist.name}: {member.name} says who made it"
    for name, content in contents.items():
        for trace in traces:
            if trace in content:
                yield f"{name} has {trace.decode()}"


def _indexes() -> list[str]:
    """The hosts of the package index that pip uses here, if they are not the usual ones."""
    words = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    urls = [*re.findall(r"https?://[^\s'\"]+", said), os.environ.get("PIP_INDEX_URL", "")]
    hosts = {re.sub(r"^https?://([^@/]*@)?", "", url).partition("/")[0] for url in urls}
    return sorted(hosts - {"", "pypi.org", "files.pythonhosted.org"})


def _from_templates(source: Path, sdist: Path, out: Path, url: str) -> Iterator[Path]:
    project: dict[str, Any] = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[<>=!~;\[ ]", wanted)[0] for wanted in project["dependencies"] if ";" not in wanted]
    values = {
        "version": project["version"],
        "description": project["description"],
        "home": url,
        "sdist_url": f"{url}/{sdist.name}",
        "sdist_sha256": _sha256(sdist),
        "depends": " ".join(["python", *(f"python-{name}" for name in names)]),
    }
    for name in TEMPLATES:
        made = out / name
        made.write_text((source / HERE / name).read_text("utf-8").format(**values), "utf-8")
        yield made


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make dist", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", default=URL, help="the folder on the web where the sdist is published")
    url = parser.parse_args().url.rstrip("/")
    changed = _git("status", "--porcelain").decode()
    if changed:
        print(f"These changes are not committed, so they would not be in the packages:\n{changed}", file=sys.stderr)
        return 1
    out = ROOT / "dist"
    with tempfile.TemporaryDirectory(prefix="turnout-dist-") as folder:
        source, made = Path(folder, "source"), Path(folder, "dist")
        source.mkdir()
        subprocess.run(["tar", "-x", "-C", str(source)], input=_git("archive", "HEAD"), check=True)
        try:
            files = make(source, made, url, int(_git("log", "-1", "--format=%ct")))
        except Faulty as fault:
            print(fault, file=sys.stderr)
            return 1
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for file in files:
            shutil.copy(file, out)
            print(out / file.name)
    if url == URL:
        print(
            f"turnout.rb and PKGBUILD point to {URL}: `make dist ARGS='--url https://…'` says where the sdist will be"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
