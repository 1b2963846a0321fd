"""Asking git about a repository: revisions, history, branches, differences.

Only plumbing, NUL-separated. What belongs to one person's machine (attributes, end-of-line and replace settings) is
switched off, so that a revision gives the same tree whoever deploys it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core.changes import Commit
from core.errors import SourceError, UsageError
from core.process import collect
from core.source.inputs import without_repository
from core.source.kinds import Branch
from core.source.programs import programs
from core.text import clean

_SAME_FOR_ALL = ("core.attributesFile=/dev/null", "core.autocrlf=false", "core.eol=lf", "tar.umask=0022")
_HASH = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_FAITHFUL = re.compile(r'"?(?:/[\w./-]*/)?(?:git-lfs|git lfs|git-crypt)"?(?: [\w%=-]+)*|cat|')
"""Commands of filters that give the same for the same commit under the same settings; git-lfs sometimes its pointer."""
_UNKNOWN = b"?"
_LOG = "--format=tformat:%H%x00%s%x00%an%x00%ct%x00%D"


@dataclass(frozen=True)
class Change:
    """A path that differs between two commits; modes as git writes them, "000000" where the path does not exist."""

    path: bytes
    before: bytes
    after: bytes


_QUIET = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Repository:
    """The folder that `source.git` names: a repository, bare or not, or a folder inside one. `environ`: for git."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    @cached_property
    def variables(self) -> dict[str, str]:
        """What git and the filters that it starts see."""
        return without_repository(self.environ) | _QUIET

    def command(self, *words: str | bytes) -> list[str | bytes]:
        settings = [word for setting in _SAME_FOR_ALL for word in ("-c", setting)]
        return ["git", "-C", str(self.folder), *settings, "--literal-pathspecs", *words]

    def start(self, *words: str | bytes, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        """git as a process. SourceError where git is not installed."""
        try:
            return subprocess.Popen(
                self.command(*words), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=self.variables
            )
        except FileNotFoundError as error:
            raise SourceError("git is not installed", hint="install git, or use a `directory` source") from error

    def ask(self, *words: str | bytes) -> subprocess.CompletedProcess[bytes]:
        """One call of git with all that it says."""
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = collect(process)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def answer(self, *words: str | bytes) -> bytes:
        """What git answers. SourceError with its own words where it fails."""
        done = self.ask(*words)
        if done.returncode:
            raise SourceError(f"git {_text(words[0])} failed in {self.folder}", detail=words_of(done.stderr))
        return done.stdout

    def resolve(self, ref: str) -> Resolved:
        """The commit of a branch, tag or other revision. UsageError with the nearest names where there is none."""
        if not self.folder.is_dir():
            raise SourceError(f"source.git: {self.folder} is not a folder")
        asked = ref if ref and "\0" not in ref else "@{}"
        words = ("rev-parse", "--git-common-dir", "--show-prefix", "--verify", "--end-of-options", asked + "^{commit}")
        done = self.ask("-c", "core.warnAmbiguousRefs=true", *words)
        if not done.stdout:
            raise SourceError(
                f"{self.folder} is not a git repository that can be read",
                detail=words_of(done.stderr),
                hint="source.git in turnout.toml names the repository's folder",
            )
        places, _, commit = done.stdout.rstrip(b"\n").rpartition(b"\n")
        if done.returncode or not _HASH.fullmatch(commit):
            raise self._unknown(ref, done.stderr)
        if places.endswith(b"\n"):  # the prefix is empty
            common, prefix = places[:-1], b""
        else:
            common, _, prefix = places.partition(b"\n")
        place = os.path.join(os.fsencode(self.folder), common)
        return Resolved(self, commit.decode(), place, prefix, b"is ambiguous" in done.stderr)

    def _unknown(self, ref: str, said: bytes) -> UsageError:
        names = [item.name for item in self.branches() + self.tags()]
        if not names and self.ask("rev-parse", "--verify", "HEAD").returncode:
            return UsageError(f"{self.folder} has no commits yet", hint="commit something first")
        near = difflib.get_close_matches(ref, names, n=3, cutoff=0.5) or names[:3]
        return UsageError(
            f"there is no revision {clean(ref, 200)!r} in {self.folder}",
            detail=words_of(said) if b"ambiguous" in said else "",
            hint=("did you mean " if len(near) == 1 else "nearest: ") + ", ".join(near) + "; or run `git fetch` first"
            if near
            else "run `git fetch` first, or commit something",
        )

    def uncommitted(self, commit: str) -> list[bytes]:
        """Tracked paths that the work tree has otherwise than a commit, where that commit is checked out."""
        done = self.ask("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--no-renames", "--", ".")
        rows = done.stdout.split(b"\0")[:-1]
        if b"# branch.oid " + commit.encode() not in rows:
            return []
        # `1 XY sub mH mI mW hH hI path`; an unmerged one has three hashes (`git status`, porcelain format 2).
        return [row.split(b" ", 10 if row.startswith(b"u") else 8)[-1] for row in rows if not row.startswith(b"#")]

    def holds(self) -> bool:
        """Whether the folder is part of a repository: git keeps files of it, or may, for it does not ignore it.

        SourceError where git cannot say: it is not installed, or the folder is another user's.
        """
        kinds = ("--cached", "--others", "--exclude-standard", "--directory")
        done = self.ask("ls-files", "-z", *kinds, "--", ".")
        if done.returncode and b"not a git repository" not in done.stderr:
            raise SourceError(f"git ls-files failed in {self.folder}", detail=words_of(done.stderr))
        return bool(done.stdout)

    def recent(self, ref: str, limit: int) -> list[Commit]:
        """The newest commits of a revision's history, newest first."""
        commit = self.resolve(ref).commit
        return self._log(f"--max-count={limit}", commit)

    def commit(self, revision: str) -> Commit:
        """The facts of one commit."""
        return self._log("--no-walk", revision)[0]

    def _log(self, *words: str) -> list[Commit]:
        out = self.answer(
            "-c", "log.showSignature=false", "log", "-z", "--encoding=UTF-8", "--no-color", _LOG, *words, "--"
        )
        fields = out.split(b"\0")
        return [
            Commit(_text(revision), one_line(subject), one_line(author), number(time), _refs(refs))
            for revision, subject, author, time, refs in zip(*[iter(fields[:-1])] * 5, strict=True)
        ]

    def branches(self) -> list[Branch]:
        """Local and remote branches, those with the newest commits first."""
        return self._names("refs/heads", "refs/remotes")

    def tags(self) -> list[Branch]:
        """Tags that point to commits, those with the newest commits first."""
        return self._names("refs/tags")

    def _names(self, *places: str) -> list[Branch]:
        keys = ("refname", "symref", "objecttype", "objectname", "subject", "authorname", "committerdate:unix")
        shape = "".join(f"%({key})%00" for key in keys) + "".join(f"%(*{key})%00" for key in keys[2:])
        branches = []
        for fields in zip(
            *[iter(self.answer("for-each-ref", f"--format={shape}", *places).split(b"\0"))] * 12, strict=False
        ):
            name, symref = fields[0].lstrip(b"\n"), fields[1]
            kind, revision, subject, author, time = fields[7:] if fields[7] else fields[2:7]
            if kind == b"commit" and not symref:
                short = _text(name).split("/", 2)[2]
                facts = (_text(revision), one_line(subject), one_line(author), number(time))
                branches.append(Branch(short, *facts, _text(name)))
        return sorted(branches, key=lambda branch: branch.committed, reverse=True)


@dataclass(frozen=True)
class Resolved:
    """A commit of a repository. `prefix` is the part of the repository that `source.git` names, "" for all of it.

    ambiguous   git found several names that it may have meant, and took one
    """

    repository: Repository
    commit: str
    common: bytes
    prefix: bytes
    ambiguous: bool = False

    @cached_property
    def attributes(self) -> bytes:
        """The repository's own attributes, which `git archive` honours beside those in the tree."""
        try:
            with open(os.path.join(self.common, b"info/attributes"), "rb") as file:
                return file.read()
        except OSError:
            return b""

    @cached_property
    def identity(self) -> str:
        """An id of this repository (and the folder in it) on this machine."""
        return hashlib.sha256(os.path.realpath(self.common) + b"\0" + self.prefix).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The commit, and the repository's own attributes where it has some: what a plain export depends on."""
        extra = f"-{hashlib.sha256(self.attributes).hexdigest()[:12]}" if self.attributes.strip() else ""
        return self.commit + extra

    def archive(self, *paths: bytes, stderr: int) -> subprocess.Popen[bytes]:
        """`git archive` of the commit, of all of it or of the given paths, as a tar stream."""
        only = [b"--", *(b"./" + path for path in paths)] if paths else []
        words: list[str | bytes] = ["-c", "core.ignoreCase=false", "archive", "--format=tar", self.commit, *only]
        return self.repository.start(*words, stdout=subprocess.PIPE, stderr=stderr)

    def submodules(self) -> list[bytes]:
        """Paths of the submodules, which `git archive` leaves as empty folders."""
        done = self.repository.ask("ls-tree", "-r", "-z", self.commit)
        lines = done.stdout.split(b"\0") if b"160000 commit " in done.stdout else []
        return [line.partition(b"\t")[2] for line in lines if line.startswith(b"160000 ")]

    @property
    def uniform(self) -> bool:
        """Whether a file's exported content depends on its path, its blob and the attributes alone."""
        return not self.prefix and not self._conditional

    def surroundings(self) -> str:
        """What an export depends on in addition to the commit and the attributes, as a short digest; "" for nothing.

        `export-subst` writes names of branches and tags, and dates, into files. Filters are programs of this machine.
        What git-lfs and git-crypt give depends on the commit, their settings and GIT_* alone. Any other filter may read
        anything: with one, no two exports depend on the same things.
        """
        if not self._conditional:
            return ""
        ask, environ = self.repository.ask, self.repository.variables
        settings = ask("config", "--list", "-z").stdout
        names = ask("for-each-ref", "--format=%(objectname) %(refname)").stdout
        head = ask("rev-parse", "--symbolic-full-name", "HEAD").stdout + ask("rev-parse", "HEAD").stdout
        filters = self._filters(settings)
        variables = sorted(item for item in environ.items() if item[0].startswith("GIT_") or item[0] == "TZ")
        used = programs(filters, (), environ, self.repository.folder)
        once = "" if all(map(_FAITHFUL.fullmatch, filters)) else os.urandom(16).hex()
        facts = b"\0".join([settings, names, head, self._mailmap(), json.dumps([variables, used, once]).encode()])
        return hashlib.sha256(facts).hexdigest()[:16]

    def _filters(self, settings: bytes) -> list[str]:
        """The commands of this machine through which git sends the files whose attributes say so."""
        found = []
        for setting in settings.split(b"\0"):
            key, _, command = setting.partition(b"\n")
            name, _, kind = key.removeprefix(b"filter.").rpartition(b".")
            used = b"filter=" + name in self._conditional or self._conditional == _UNKNOWN
            if key.startswith(b"filter.") and kind in (b"smudge", b"process") and used:
                found.append(_text(command))
        return found

    def _mailmap(self) -> bytes:
        """The work tree's .mailmap, from which `export-subst` takes names."""
        top = self.repository.ask("rev-parse", "--show-toplevel").stdout.removesuffix(b"\n")
        try:
            with open(os.path.join(top, b".mailmap"), "rb") as file:
                return file.read() if top else b""
        except OSError:
            return b""

    @cached_property
    def _conditional(self) -> bytes:
        """The attributes that make an export depend on more than the commit, `export-subst` and filters, as they stand
        in their files; "" for none, _UNKNOWN where git does not tell.
        """
        words = (b"export-subst", b"filter")
        own = self.attributes if any(word in self.attributes for word in words) else b""
        patterns = [item for word in words for item in (b"-e", word)]
        repository = self.repository
        command = [word for word in repository.command() if word != "--literal-pathspecs"]
        search = [*command, "grep", "--no-color", "-ahF", *patterns, self.commit, "--", ":(top,glob)**/.gitattributes"]
        quiet = subprocess.DEVNULL
        done = subprocess.run(
            search, env=repository.variables, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, check=False
        )
        return own + done.stdout if done.returncode in (0, 1) else _UNKNOWN

    def changes(self, base: str) -> list[Change] | None:
        """The paths that differ from another commit; None where git no longer has that commit."""
        done = self.repository.ask("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", base, self.commit)
        if done.returncode:
            return None
        fields = done.stdout.split(b"\0")
        pairs = zip(*[iter(fields[:-1])] * 2, strict=True)
        return [Change(path, facts[1:7], facts[8:14]) for facts, path in pairs]


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


def one_line(raw: bytes) -> str:
    """One harmless line of what a person wrote in a commit. Records have less of it, cut after secrets are masked."""
    return " ".join(clean(_text(raw), 10_000).split())


def words_of(said: bytes) -> str:
    """What git said on standard error, for an error's detail."""
    return clean(_text(said)).strip()


def number(raw: bytes) -> float:
    return float(raw) if raw.isdigit() else 0.0


def _refs(raw: bytes) -> tuple[str, ...]:
    return tuple(part.removeprefix("HEAD -> ") for part in _text(raw).split(", ") if part and part != "HEAD")
