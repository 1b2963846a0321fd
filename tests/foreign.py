"""Deploy roots that other tools left, kept as text: names, kinds, modes, times, links, and what small files hold.

`record` writes one down; `lay` makes it again at another place. tests/data/foreign/README.md says how each was made.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

DATA = Path(__file__).parent / "data/foreign"
HERE = "{root}"
"""What stands for the root's own path in links and texts."""
LONGEST = 4000
"""Bytes of a file that are kept; a longer one, or one that is not text, is laid empty."""


def record(root: Path) -> str:
    """The text of a root: one object a line, folders before what they hold."""
    lines = []
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        entry: dict[str, object] = {"path": str(path.relative_to(root)), "mtime": int(facts.st_mtime)}
        if path.is_symlink():
            entry["link"] = os.readlink(path).replace(str(root), HERE)
        else:
            entry["mode"] = f"{facts.st_mode & 0o7777:o}"
        if path.is_dir() and not path.is_symlink():
            entry["folder"] = True
        elif path.is_file() and not path.is_symlink():
            entry["text"] = _text(path).replace(str(root), HERE)
        lines.append(json.dumps(entry, ensure_ascii=True))
    return "\n".join(lines) + "\n"


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode() if len(content) <= LONGEST else ""
    except UnicodeDecodeError:
        return ""


def lay(name: str, root: Path) -> None:
    """Make the recorded root of a tool; its times as well."""
    entries = [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]
    root.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        path = root / entry["path"]
        if "link" in entry:
            path.symlink_to(entry["link"].replace(HERE, str(root)))
        elif entry.get("folder"):
            path.mkdir()
        else:
            path.write_text(entry["text"].replace(HERE, str(root)))
            path.chmod(int(entry["mode"], 8))
    for entry in reversed(entries):
        os.utime(root / entry["path"], (entry["mtime"],) * 2, follow_symlinks=False)
        if entry.get("folder"):
            (root / entry["path"]).chmod(int(entry["mode"], 8))
