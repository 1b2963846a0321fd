"""What a person may take for deployed: changes that are not committed, and commits that only the upstream has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.source.git.repository import Repository, text_of
from core.text import count, show_path, some

_APART = re.compile(r"(ahead|behind) ([0-9]+)")


def left_behind(repository: Repository, ref: str) -> Iterator[str]:
    """A warning for each of the two, where there is something to say of it."""
    if paths := _uncommitted(repository, repository.resolve(ref).commit):
        names = some(paths, 3, show_path)
        yield f"not committed, so not deployed: changes in {count(len(paths), 'file')} ({names})"
    if behind := _behind(repository, ref):
        yield behind


def _uncommitted(repository: Repository, commit: str) -> list[bytes]:
    """Tracked paths that the work tree has otherwise than a commit, where that commit is checked out."""
    shape = ("--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--no-renames")
    rows = repository.ask("status", *shape, "--", repository.deployed).stdout.split(b"\0")[:-1]
    if b"# branch.oid " + commit.encode() not in rows:
        return []
    # `1 XY sub mH mI mW hH hI path`; an unmerged one has three hashes (`git status`, porcelain format 2).
    return [row.split(b" ", 10 if row.startswith(b"u") else 8)[-1] for row in rows if not row.startswith(b"#")]


def _behind(repository: Repository, ref: str) -> str:
    """A warning where a local branch lacks commits of its upstream, as far as this clone knows; "" where not."""
    words = ("rev-parse", "--symbolic-full-name", "--verify", "--end-of-options", ref)
    full = repository.ask(*words).stdout.removesuffix(b"\n")
    if not full.startswith(b"refs/heads/"):
        return ""
    shape = "--format=%(upstream:short)%00%(upstream:track,nobracket)"
    upstream, _, track = repository.ask("for-each-ref", shape, full).stdout.removesuffix(b"\n").partition(b"\0")
    apart = {word: int(number) for word, number in _APART.findall(text_of(track))}
    if "behind" not in apart:
        return ""
    ahead = f", and {apart['ahead']} ahead" if "ahead" in apart else ""
    branch = text_of(full).removeprefix("refs/heads/")
    return (
        f"{branch} is {count(apart['behind'], 'commit')} behind {text_of(upstream)}{ahead}, "
        "as far as this clone knows: what is only there is not deployed"
    )
