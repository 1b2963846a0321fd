"""A sample application as a git repository: the same bytes on every machine, each version a little changed.

`python -m tests.bench.application FOLDER [--files N] [--megabytes N] [--versions N]` writes it; tags v1, v2, ...
"""

from __future__ import annotations

import argparse
import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

WORDS = (  # noqa: SIM905  # fewer lines
    "user order item cart price total email name date status active token session cache query index config route "
    "model view render return const export import function async await where limit sort filter invoice payment "
    "address shipping product category image upload folder store queue worker schedule event listener message"
).split()
ENDINGS = ("js", "rb", "css", "html", "json", "md", "yml", "py")
TOPS = ("app/models", "app/views/pages", "lib/core", "vendor/gems/src", "node_modules/pkg/dist/internal", "public/docs")
BLOBS = 15
"""Files that do not compress (pictures, archives); together they have two fifths of the bytes."""
CHANGED = 0.01
"""Of the files, in each version; four fifths of them with new content, a tenth new, a tenth removed."""
EPOCH = 1_700_000_000


class Application:
    """The files of each version, one after the other."""

    def __init__(self, files: int, size: int) -> None:
        self._random = random.Random(7)
        self._pool = self._words(400_000)
        self._blob_size = size * 2 // 5 // BLOBS
        self._text_size = (size - self._blob_size * BLOBS) // (files - BLOBS)
        self.files: dict[str, bytes] = {}
        for number in range(BLOBS):
            self.files[f"public/assets/picture {number}.webp"] = self._random.randbytes(self._blob_size)
        for number in range(files - BLOBS):
            self.files[self._name(number)] = self._text()
        self._number = files

    def change(self) -> dict[str, bytes | None]:
        """What the next version changes: path to content, None where the file goes."""
        texts = sorted(path for path in self.files if not path.endswith(".webp"))
        touched = self._random.sample(texts, max(int(len(self.files) * CHANGED), 1))
        changes: dict[str, bytes | None] = {}
        for place, path in enumerate(touched):
            if place % 10 == 8:
                self._number += 1
                changes[self._name(self._number)] = self._text()
            elif place % 10 == 9:
                changes[path] = None
            else:
                changes[path] = self.files[path][:-200] + self._text()[:400]
        for path, content in changes.items():
            if content is None:
                del self.files[path]
            else:
                self.files[path] = content
        return changes

    def _name(self, number: int) -> str:
        top = TOPS[number % len(TOPS)]
        word = WORDS[number // 7 % len(WORDS)]
        return f"{top}/{word}{number % 89}/{self._random.choice(WORDS)}_{number}.{ENDINGS[number % len(ENDINGS)]}"

    def _words(self, size: int) -> bytes:
        lines: list[str] = []
        left = size
        while left > 0:
            line = "  " * self._random.randrange(4) + " ".join(self._random.choices(WORDS, k=self._random.randrange(9)))
            lines.append(line + self._random.choice((";", " {", "}", "()", f" = {self._random.randrange(9999)}")))
            left -= len(lines[-1]) + 1
        return "\n".join(lines).encode()

    def _text(self) -> bytes:
        """Text that compresses as source code does, of half to one and a half times the mean size."""
        left = self._random.randrange(self._text_size // 2, self._text_size * 3 // 2)
        pieces = []
        while left > 0:
            length = min(left, self._random.randrange(300, 2500))
            start = self._random.randrange(len(self._pool) - length)
            pieces.append(self._pool[start : start + length])
            left -= length
        return b"".join(pieces) + b"\n"


def history(application: Application, versions: int) -> Iterator[bytes]:
    """The versions in the language of `git fast-import`."""
    changes: dict[str, bytes | None] = dict(application.files)
    for version in range(1, versions + 1):
        message = f"Version {version}\n".encode()
        yield b"commit refs/heads/main\n"
        yield b"committer Bench <bench@example.com> %d +0000\n" % (EPOCH + version * 3600)
        yield b"data %d\n%b\n" % (len(message), message)
        for path, content in changes.items():
            name = f'"{path}"'.encode()
            if content is None:
                yield b"D %b\n" % name
            else:
                yield b"M 100644 inline %b\ndata %d\n%b\n" % (name, len(content), content)
        yield b"reset refs/tags/v%d\nfrom refs/heads/main\n\n" % version
        changes = application.change()


def write(folder: Path, files: int, megabytes: int, versions: int) -> None:
    """The repository in a new folder, checked out at v1."""
    write_history(folder, history(Application(files, megabytes * 1_000_000), versions))
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", "--detach", "v1"], check=True)


def write_history(folder: Path, pieces: Iterable[bytes], *options: str) -> None:
    """A repository in a new folder of what is said in the language of `git fast-import`; `options` of git."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
    importing = subprocess.Popen(["git", "-C", str(folder), *options, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert importing.stdin is not None
    for piece in pieces:
        importing.stdin.write(piece)
    importing.stdin.close()
    if importing.wait():
        raise SystemExit("git fast-import failed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.application", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--versions", type=int, default=6)
    words = parser.parse_args()
    write(words.folder, words.files, words.megabytes, words.versions)


if __name__ == "__main__":
    main()
