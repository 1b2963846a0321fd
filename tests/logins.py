"""Start-up files as hostile as a login's can be, by accident or on purpose, for every shell that a user may have.

What Turnout does on a server must not depend on any of it: not on variables, aliases and functions, nor on options of
the shell, on what it prints, on the folder that it goes to or on its umask.
"""

from __future__ import annotations

import os
from pathlib import Path

START_FILES = {"bash": ".bashrc", "zsh": ".zshenv", "fish": ".config/fish/config.fish", "dash": ".profile"}
GREETING = "Welcome to a test server."
# What a start-up file can do to a careless client.
NOISE = f"""\
echo '{GREETING}'
echo 'It is "quoted" and costs $5'
echo 'not an error' >&2
printf 'a line without an end: '
"""
# In every root, or below one. CDPATH leads here: who goes to one of them by its bare name is lost.
DECOY_FOLDERS = (
    "current", "shared", "deploy-cache", "incoming", "trash", "lock", "records", "manifests", ".turnout/lock",
    ".turnout/incoming", ".turnout/trash", ".turnout/records", ".turnout/manifests",
    *(f"releases/{tag}" for tag in ("r1", "r2", "r3", "one", "two", "first", "second")),
)  # fmt: skip
PRECIOUS = "what no test may touch\n"
TOOLS = (
    "awk", "cat", "cd", "chmod", "cmp", "comm", "cp", "cut", "date", "df", "du", "echo", "env", "find", "grep", "gzip",
    "head", "kill", "ln", "ls", "mkdir", "mv", "pwd", "readlink", "rm", "rmdir", "sed", "setsid", "sha256sum", "sleep",
    "sort", "stat", "tail", "tar", "touch", "tr", "umask", "uname", "wc", "xargs", "zstd",
)  # fmt: skip
BUILT_IN = ("[", "command", "printf", "read", "test", "type", "wait")
"""Functions of these names too, where the shell allows it."""
ALIASES = {"rm": "rm -i", "cp": "cp -i", "mv": "mv -i", "ls": "ls --color=always", "sh": "sh -x"}


def variables(decoy: Path) -> dict[str, str]:
    """What such a login exports; also what an administrator's SetEnv may set for everybody."""
    return {
        "CDPATH": f":{decoy}:{decoy}/releases:{decoy}/.turnout",
        "GREP_OPTIONS": "--color=always -v",
        "GREP_COLORS": "mt=01;31",
        "TAR_OPTIONS": "--exclude=* --strip-components=1",
        "GZIP": "-v",
        "ZSTD_CLEVEL": "19",
        "BLOCK_SIZE": "human-readable",
        "LS_BLOCK_SIZE": "human-readable",
        "DF_BLOCK_SIZE": "1M",
        "DU_BLOCK_SIZE": "1M",
        "QUOTING_STYLE": "shell-escape-always",
        "TIME_STYLE": "+never",
        "VERSION_CONTROL": "numbered",
        "TMPDIR": f"{decoy}/no such folder",
        "TZ": "Pacific/Kiritimati",
        "COLUMNS": "20",
        "TURNOUT_TAG": "the-login-says-so",
        "TURNOUT_ROOT": str(decoy),
        # What a shell program might call its own variables, and forget to set.
        **{name: str(decoy) for name in ("root", "folder", "lock", "tag", "token", "lead", "p", "l", "x")},
    }


def make_decoy(decoy: Path) -> None:
    """Folders named like those of a deploy root, each with a file."""
    for name in DECOY_FOLDERS:
        (decoy / name).mkdir(parents=True, exist_ok=True)
        (decoy / name / "precious").write_text(PRECIOUS)


def touched(decoy: Path) -> list[str]:
    """What is not as `make_decoy` left it."""
    expected = {decoy / name / "precious" for name in DECOY_FOLDERS}
    there = {Path(base, name) for base, _, names in os.walk(decoy) for name in names}
    changed = {path for path in expected & there if path.read_text() != PRECIOUS}
    return sorted(str(path.relative_to(decoy)) for path in (expected ^ there) | changed)


def write(home: Path, decoy: Path, shell: str) -> None:
    """The start-up file of a shell in a home folder, and the decoy that it leads to."""
    make_decoy(decoy)
    text = {"bash": _bash(home, decoy), "zsh": _zsh(decoy), "fish": _fish(decoy)}.get(shell) or _dash(decoy)
    start_file = home / START_FILES.get(shell, ".profile")
    start_file.parent.mkdir(parents=True, exist_ok=True)
    start_file.write_text(text)
    (home / "env").write_text(f"cd /tmp\n{NOISE}")


def set_env(home: Path, decoy: Path) -> dict[str, str]:
    """What sshd sets for every session, whatever its shell: BASH_ENV and ENV name a file that shells read."""
    return {**variables(decoy), "BASH_ENV": str(home / "env"), "ENV": str(home / "env")}


def _exports(decoy: Path) -> str:
    return "".join(f"export {name}='{value}'\n" for name, value in variables(decoy).items())


def _dash(decoy: Path) -> str:
    return f"{NOISE}{_exports(decoy)}cd /tmp\numask 077\n"


def _bash(home: Path, decoy: Path) -> str:
    aliases = "".join(f"alias {name}='{text}'\n" for name, text in ALIASES.items())
    functions = "".join(
        f"function {name} {{ echo '{name} is a function here'; return 1; }}\nexport -f {name}\n"
        for name in (*TOOLS, *BUILT_IN)
    )
    return (
        f"{NOISE}{_exports(decoy)}export BASH_ENV='{home}/env' ENV='{home}/env'\n"
        "builtin cd /tmp\numask 077\nIFS=/\n"
        f"shopt -s expand_aliases nullglob dotglob nocasematch extglob\n{functions}{aliases}"
        "export SHELLOPTS BASHOPTS\n"
        "set -o pipefail\nset -f\nset -C\nset -u\nexport POSIXLY_CORRECT=1\nset -e\n"
    )


def _zsh(decoy: Path) -> str:
    aliases = "".join(f"alias {name}='{text}'\n" for name, text in ALIASES.items())
    functions = "".join(f"function {name} {{ builtin echo '{name} is a function here'; return 1 }}\n" for name in TOOLS)
    return (
        f"{NOISE}{_exports(decoy)}builtin cd /tmp\nbuiltin umask 077\n"
        "setopt aliases no_clobber no_unset no_glob sh_word_split null_glob\n"
        f"{functions}{aliases}IFS=/\nsetopt err_exit\n"
    )


def _fish(decoy: Path) -> str:
    exports = "".join(f"set -gx {name} '{value}'\n" for name, value in variables(decoy).items())
    functions = "".join(f"function {name}; builtin echo '{name} is a function here'; return 1; end\n" for name in TOOLS)
    return f"{NOISE}{exports}builtin cd /tmp\numask 077\n{functions}"
