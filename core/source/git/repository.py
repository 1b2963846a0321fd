"""Asking git about a repository: revisions, history, branches, differences.

Only plumbing, NUL-separated. What belongs to one person's machine (attributes, end-of-line and replace settings) is
switched off, so that a revision gives the same tree whoever deploys it.
"""

from __future__ import annotations

import dataclasses
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

from msgspec import Struct
from msgspec.structs import replace

from core.changes import Commit
from core.errors import SourceError, UsageError
from core.process import collect
from core.source.git.tags import TAG, newest
from core.source.inputs import without_repository
from core.source.kinds import Branch
from core.source.programs import programs
from core.text import clean

_SAME_FOR_ALL = ("core.attributesFile=/dev/null", "core.autocrlf=false", "core.eol=lf", "tar.umask=0022")
_HASH = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_FAITHFUL = re.compile(r'"?(?:/[\w./-]*/)?git-crypt"?(?: [\w%=-]+)*|cat|')
"""Commands of filters that give the same for the same commit under the same settings."""
_UNKNOWN = b"?"
_LFS = re.compile(rb"(?<!\S)filter=lfs(?!\S)")
_NO_LFS = [word for key in ("smudge=", "process=", "required=false") for word in ("-c", f"filter.lfs.{key}")]
_OTHER = (b"export-subst", b"filter")
"""Attributes with which an export depends on more than the commit."""
_CONVERTING = (*_OTHER, b"eol", b"ident", b"encoding", b"crlf")
"""These, and others with which the content of a file is not that of its blob."""
_IN_PIECES = ("-c", "core.bigFileThreshold=16m")
_DIFF = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff")
_EMPTY_SHA1 = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree of no files, which git knows without having it."""
_EMPTY_SHA256 = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
_LOG = "--format=tformat:%H%x00%s%x00%an%x00%ct%x00%D"


class Change(Struct, frozen=True):
    """A path that differs between two commits; modes as git writes them, "000000" where the path does not exist.

    blob   the id of what it holds after that
    """

    path: bytes
    before: bytes
    after: bytes
    blob: bytes


_QUIET = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Repository:
    """The folder that `source.git` names: a repository, bare or not, or a folder inside one.

    environ   for git
    path      the folder below it that is deployed, as each revision has it; "" for all of it
    is_git_folder  the folder is a `.git`, whose work tree may be gone
    more      variables of git in addition to those
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    path: str = ""
    is_git_folder: bool = False
    more: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def variables(self) -> dict[str, str]:
        """What git and the filters that it starts see."""
        own = os.path.abspath(self.folder)
        alone = {"GIT_DIR": own, "GIT_WORK_TREE": own} if self.is_git_folder else {}
        return {**without_repository(self.environ), **_QUIET, **alone, **self.more}

    def given(self, **more: str) -> Repository:
        """The same repository, where git has these variables as well."""
        return dataclasses.replace(self, more={**self.more, **more})

    @property
    def settings(self) -> list[str]:
        """The options that make git give the same to everybody."""
        return [word for setting in _SAME_FOR_ALL for word in ("-c", setting)]

    @property
    def deployed(self) -> bytes:
        """What is deployed, as a path for git, relative to the folder."""
        return os.fsencode(self.path) or b"."

    def command(self, *words: str | bytes) -> list[str | bytes]:
        return ["git", "-C", str(self.folder), *self.settings, "--literal-pathspecs", *words]

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
            raise SourceError(f"git {text_of(words[0])} failed in {self.folder}", detail=words_of(done.stderr))
        return done.stdout

    def resolve(self, ref: str) -> Resolved:
        """The commit of a branch, tag or other revision. UsageError with the nearest names where there is none, and
        where the revision has no folder `path`.

        `tag:PATTERN` is the newest tag that matches, by its version.
        """
        if not self.folder.is_dir():
            raise SourceError(f"source.git: {self.folder} is not a folder")
        if ref.startswith(TAG):
            tag = self._newest_tag(ref)
            return replace(self.resolve(f"refs/tags/{tag}"), tag=tag)
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
        if self.path:
            self._check_path(ref, commit.decode())
            prefix += os.fsencode(self.path) + b"/"
        return Resolved(self, commit.decode(), place, prefix, b"is ambiguous" in done.stderr)

    def _newest_tag(self, ref: str) -> str:
        """The tag that `tag:PATTERN` means, of those that point to commits."""
        pattern = ref.removeprefix(TAG)
        tags = [tag.name for tag in self.tags()]
        found = newest(tags, pattern)
        if not found:
            shown = ", ".join(tags[:3]) or "none"
            raise UsageError(
                f"no tag of {self.folder} matches {clean(pattern, 200)!r}",
                hint=f"`git fetch --tags` first, or use another pattern; its newest tags: {shown}",
            )
        return found

    def _check_path(self, ref: str, commit: str) -> None:
        """UsageError where a commit has no folder at `path`."""
        said = self.answer("ls-tree", "-z", commit, "--", self.deployed).partition(b"\t")[0]
        kind = said.split(b" ")[1] if said else b""
        if kind == b"tree":
            return
        what = f"{self.path} of {clean(ref, 200)}"
        if kind == b"commit":
            hint = f"set `git` to {self.folder / self.path}, which is a clone of its own"
            raise UsageError(f"source.path: {what} is a submodule", hint=hint)
        names = self.answer("ls-tree", "-d", "-r", "-z", "--name-only", commit).split(b"\0")
        folders = [text_of(name) for name in names]
        near = difflib.get_close_matches(self.path, folders, n=1)
        raise UsageError(
            f"source.path: {what} is not a folder" if kind else f"source.path: there is no folder {what}",
            hint=f"did you mean {clean(near[0])}?" if near else f"it is relative to {self.folder}",
        )

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
            Commit(text_of(revision), one_line(subject), one_line(author), number(time), _refs(refs))
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
                short = text_of(name).split("/", 2)[2]
                facts = (text_of(revision), one_line(subject), one_line(author), number(time))
                branches.append(Branch(short, *facts, text_of(name)))
        return sorted(branches, key=lambda branch: branch.committed, reverse=True)


class Resolved(Struct, frozen=True, dict=True):
    """A commit of a repository.

    prefix      the part of the repository that is deployed, with a slash at its end; empty for all of it
    ambiguous   git found several names that it may have meant, and took one
    tag         the one that a pattern means
    """

    repository: Repository
    commit: str
    common: bytes
    prefix: bytes
    ambiguous: bool = False
    tag: str = ""

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

    def archive(self, *paths: bytes, stderr: int, in_pieces: bool = False) -> subprocess.Popen[bytes]:
        """`git archive` of the commit, of what is deployed of it or of the given paths in that, as a tar stream.

        Paths in it begin with `repository.path`. Git LFS files are pointers (core.source.git.lfs).
        in_pieces   git reads large files piece by piece (`as_they_are`): it takes half the time, and no memory for them
        """
        top = os.fsencode(self.repository.path)
        only = [os.path.join(top or b".", path) for path in paths] or ([top] if top else [])
        words: list[str | bytes] = ["-c", "core.ignoreCase=false", *_NO_LFS, *(_IN_PIECES if in_pieces else ())]
        words += ["archive", "--format=tar", self.commit]
        return self.repository.start(*words, *([b"--", *only] if only else []), stdout=subprocess.PIPE, stderr=stderr)

    @property
    def uniform(self) -> bool:
        """Whether a file's exported content depends on its path, its blob and the attributes alone."""
        return not self.prefix and not self._conditional

    @property
    def as_they_are(self) -> bool:
        """Whether no attribute has git convert the content of files: what it reads in pieces it does not convert."""
        return self._told != _UNKNOWN and not any(word in self._told for word in _CONVERTING)

    def surroundings(self) -> str:
        """What an export depends on in addition to the commit and the attributes, as a short digest; "" for nothing.

        `export-subst` writes names of branches and tags, and dates, into files. Filters are programs of this machine.
        What git-crypt gives depends on the commit, its settings and GIT_* alone. Any other filter may read anything:
        with one, no two exports depend on the same things. Submodules are not part of it (Submodules.conditions).
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
                found.append(text_of(command))
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
        in their files; "" for none, _UNKNOWN where git does not tell. Git LFS's is none: its content has a digest.
        """
        told = self._told
        return told if told == _UNKNOWN or any(word in told for word in _OTHER) else b""

    @cached_property
    def _told(self) -> bytes:
        """The lines of the attributes that say what git does with the content of files; _UNKNOWN as above."""
        patterns = [item for word in _CONVERTING for item in (b"-e", word)]
        done = self._ask_attributes("grep", "--no-color", "-ahF", *patterns, self.commit)
        return _UNKNOWN if done.returncode not in (0, 1) else _LFS.sub(b"", self.attributes + b"\n" + done.stdout)

    def changes(self, base: str) -> list[Change] | None:
        """The paths that differ from another commit; None where git no longer has that commit."""
        done = self.repository.ask(*_DIFF, base, self.commit)
        return None if done.returncode else _changes(done.stdout)

    def attribute_files(self) -> list[Change]:
        """All `.gitattributes` of the commit, as if it had nothing else."""
        empty = _EMPTY_SHA1 if len(self.commit) == len(_EMPTY_SHA1) else _EMPTY_SHA256
        done = self._ask_attributes(*_DIFF, empty, self.commit)
        if done.returncode:
            raise SourceError(f"git diff-tree failed in {self.repository.folder}", detail=words_of(done.stderr))
        return _changes(done.stdout)

    def _ask_attributes(self, *words: str | bytes) -> subprocess.CompletedProcess[bytes]:
        """One call of git about all `.gitattributes` of the commit, wherever they are in it."""
        command = [word for word in self.repository.command(*words) if word != "--literal-pathspecs"]
        return subprocess.run(
            [*command, "--", ":(top,glob)**/.gitattributes"],
            env=self.repository.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def _changes(said: bytes) -> list[Change]:
    """What `git diff-tree --raw -z` says."""
    pairs = zip(*[iter(said.split(b"\0")[:-1])] * 2, strict=True)
    return [Change(path, facts[1:7], facts[8:14], facts.split(b" ")[3]) for facts, path in pairs]


def text_of(raw: str | bytes) -> str:
    """What git says, as a text to show."""
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


def one_line(raw: bytes) -> str:
    """One harmless line of what a person wrote in a commit. Records have less of it, cut after secrets are masked."""
    return " ".join(clean(text_of(raw), 10_000).split())


def words_of(said: bytes) -> str:
    """What git said on standard error, for an error's detail."""
    return clean(text_of(said)).strip()


def number(raw: bytes) -> float:
    return float(raw) if raw.isdigit() else 0.0


def _refs(raw: bytes) -> tuple[str, ...]:
    return tuple(part.removeprefix("HEAD -> ") for part in text_of(raw).split(", ") if part and part != "HEAD")
