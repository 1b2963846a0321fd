"""What a repository says of two commits: the commits between them, lines that differ, the content of a file."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec.structs import replace

from core.changes import MOST_COMMITS, Commit, Commits, Migrates
from core.errors import SourceError
from core.process import collect
from core.source.git.repository import Repository, number, one_line, words_of
from core.source.kinds import History

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BEGINNING = re.compile(r"[0-9a-f]{7,64}")
_FIELDS = "--format=tformat:%m%x00%H%x00%s%x00%an%x00%ct"
_MARKED = "--format=tformat:%x01%H"
_PLAIN_DIFF = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")


class GitHistory(History):
    """Of the folder that `source.git` and `path` name. Paths are those of the release: relative to its `publish`.

    Nothing is fetched, not even in a partial clone: what is not there is unknown. Each question is given `within`
    seconds; a history that takes longer is named as the reason.
    """

    def __init__(self, repository: Repository, publish: str, *, within: float = 10.0) -> None:
        self._repository = repository.given(GIT_NO_LAZY_FETCH="1")
        self._publish = publish.encode("utf-8", "surrogateescape") + b"/" if publish else b""
        self._within = within

    def commits(self, old: str, new: str, migrates: Migrates | None = None) -> Commits:
        try:
            return self._commits(old, new, migrates)
        except TimeoutError:
            return Commits(unknown=f"git took longer than {self._within:.0f} s to list the commits")
        except SourceError as error:
            return Commits(unknown=": ".join(part for part in (error.title, error.detail) if part))

    def named(self, revisions: Iterable[str]) -> dict[str, Commit]:
        wanted = [revision for revision in dict.fromkeys(revisions) if _BEGINNING.fullmatch(revision)]
        if not wanted:
            return {}
        try:
            words = ("log", "-z", "--no-walk=unsorted", "--ignore-missing", "--encoding=UTF-8", "--no-color")
            status, out, _ = self._ask(*words, "--no-decorate", _FIELDS, *wanted, "--")
        except (TimeoutError, SourceError):
            return {}
        found = [
            Commit(revision.decode(), one_line(subject), one_line(author), number(when))
            for _, revision, subject, author, when in zip(*[iter(out.split(b"\0")[:-1])] * 5, strict=True)
        ]
        return (
            {}
            if status
            else {revision: commit for revision in wanted for commit in found if commit.revision.startswith(revision)}
        )

    def _commits(self, old: str, new: str, migrates: Migrates | None) -> Commits:
        for revision in (old, new):
            if not _COMMIT.fullmatch(revision):
                return Commits(unknown=f"{one_line(revision.encode())[:20]} is not a whole commit id")
        if old == new:
            return Commits()
        apart = f"{old}...{new}"
        status, out, said = self._ask("log", "-z", "--left-right", "--encoding=UTF-8", "--no-color", "--no-decorate",
                                      f"--max-count={MOST_COMMITS + 1}", _FIELDS, apart, *self._only)  # fmt: skip
        if status:
            return Commits(unknown=self._why_not((old, new)) or words_of(said))
        sides: dict[bytes, list[Commit]] = {b"<": [], b">": []}
        rows = list(zip(*[iter(out.split(b"\0")[:-1])] * 5, strict=True))
        for side, revision, subject, author, when in rows[:MOST_COMMITS]:
            sides[side].append(Commit(revision.decode(), one_line(subject), one_line(author), number(when)))
        taken, added = sides[b"<"], sides[b">"]
        counts = (len(taken), len(added))
        if len(rows) > MOST_COMMITS:
            _, out, _ = self._ask("rev-list", "--count", "--left-right", apart, *self._only)
            left, _, right = out.strip().partition(b"\t")
            counts = (int(left or 0), int(right or 0))
        marked = self._marked(apart, migrates) if migrates and rows else frozenset()
        taken, added = (
            [replace(commit, migrates=commit.revision in marked) for commit in side] if marked else side
            for side in (taken, added)
        )
        commits = Commits(tuple(taken), tuple(added), *counts)
        return self._doubted(commits, old, new)

    def _doubted(self, commits: Commits, old: str, new: str) -> Commits:
        """The same with a note where the numbers are not certain, or no numbers where they would be wrong."""
        if not self._shallow and not (commits.taken and commits.added):
            return commits
        related = self._ask("merge-base", old, new)[0] == 0
        if related:
            return replace(commits, note="shallow clone: there may be more") if self._shallow else commits
        if self._shallow:
            return Commits(unknown="the clone is shallow and lacks the history between them; git fetch --unshallow")
        return replace(commits, note="the two have no common history")

    def _marked(self, apart: str, migrates: Migrates) -> frozenset[str]:
        """The commits that add a migration."""
        words = ("-z", "--left-right", "--diff-filter=A", "--name-only", *_PLAIN_DIFF, f"--max-count={MOST_COMMITS}")
        status, out, _ = self._ask("log", *words, self._relative, _MARKED, apart, *self._only)
        found: set[str] = set()
        commit = ""
        for piece in out.split(b"\0") if not status else ():
            if piece.startswith(b"\1") and len(piece) in (41, 65):
                commit = piece[1:].decode("ascii", "replace")
            elif piece and self._in_release(path := piece.removeprefix(b"\n")) and migrates(self._released(path)):
                found.add(commit)
        return frozenset(found)

    def lines(self, old: str, new: str) -> dict[bytes, tuple[int, int]]:
        if not (_COMMIT.fullmatch(old) and _COMMIT.fullmatch(new)):
            return {}
        try:
            status, out, _ = self._ask("diff-tree", "-r", "-z", "--numstat", *_PLAIN_DIFF, self._relative, old, new)
        except (TimeoutError, SourceError):
            return {}
        found: dict[bytes, tuple[int, int]] = {}
        for row in out.split(b"\0")[:-1] if not status else ():
            added, removed, path = row.split(b"\t", 2)
            if added.isdigit() and removed.isdigit() and self._in_release(path):
                found[self._released(path)] = (int(added), int(removed))
        return found

    def content(self, revision: str, path: bytes, most: int) -> bytes | None:
        if not _COMMIT.fullmatch(revision):
            return None
        try:
            name = revision.encode() + b":" + self._place[0] + self._publish + path
            status, out, _ = self._ask("cat-file", "-s", name)
            if status or number(out.strip()) > most:
                return None
            status, out, _ = self._ask("cat-file", "blob", name)
        except (TimeoutError, SourceError):
            return None
        return None if status else out

    def _in_release(self, path: bytes) -> bool:
        return path.startswith(self._publish)

    def _released(self, path: bytes) -> bytes:
        """A path of the repository's folder as the release has it."""
        return path[len(self._publish) :]

    @cached_property
    def _place(self) -> tuple[bytes, bool]:
        """The deployed folder's place in the repository, and whether the repository is a shallow clone."""
        status, out, said = self._ask("rev-parse", "--show-prefix", "--is-shallow-repository")
        if status:
            raise SourceError("the repository cannot be read", detail=words_of(said))
        prefix, _, shallow = out.removesuffix(b"\n").rpartition(b"\n")
        path = os.fsencode(self._repository.path)
        return prefix + path + b"/" if path else prefix, shallow == b"true"

    @property
    def _shallow(self) -> bool:
        return self._place[1]

    @property
    def _only(self) -> Sequence[str | bytes]:
        """What limits a log to the folder, where that is a part of the repository; all of it needs no look at trees."""
        return ("--", self._repository.deployed) if self._place[0] else ("--",)

    @property
    def _relative(self) -> bytes:
        """Makes git print paths relative to the folder, and only those in it."""
        return b"--relative=" + self._place[0] if self._place[0] else b"--no-relative"

    def _why_not(self, revisions: Sequence[str]) -> str:
        """Which of the commits is not there, and what helps."""
        missing = [each for each in revisions if self._ask("cat-file", "-e", f"{each}^{{commit}}")[0]]
        if not missing:
            return ""
        names = " and ".join(revision[:12] for revision in missing)
        verb = "is" if len(missing) == 1 else "are"
        helps = "git fetch --unshallow" if self._shallow else "git fetch"
        return f"{names} {verb} not in the repository; {helps}"

    def _ask(self, *words: str | bytes) -> tuple[int, bytes, bytes]:
        """Exit status and both outputs of git. TimeoutError where it takes too long."""
        process = self._repository.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, said = collect(process, self._within)
        return process.returncode, out, said
