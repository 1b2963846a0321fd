"""The command lines that start our own programs on a server, in an environment that is the same everywhere (pure).

The login shell reads its start-up files first, and whatever they left in the environment (CDPATH, exported functions,
options in SHELLOPTS, POSIXLY_CORRECT, TAR_OPTIONS, …) would change what a program there does. So the login shell only
replaces itself by `env -i`, which keeps HOME and PATH, and that by /bin/sh. The words after `exec` are quoted, so that
no alias applies to them. Out of reach: an alias or function named `exec`, `set -n` in a start-up file, and signals that
one ignores, because no shell may heed them again.
"""

from __future__ import annotations

from core.program import SWALLOWED

SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""Where programs are looked for first; the folders of the login's own PATH follow, those with a relative name not."""

_CLEAN = f"""exec '/usr/bin/env' '-i' "HOME=$HOME" "PATH={SYSTEM_PATH}:$PATH" '/bin/sh' '-c' """

_LINE_BY_LINE = f"""'IFS= read -r l; [ "$l" = "#begin" ] || {{ echo {SWALLOWED} >&2; exit 3; }}
p=; while IFS= read -r l && [ "$l" != "#end" ]; do p="$p$l
"; done; [ "$l" = "#end" ] && eval "$p"' """

_WHOLE = """'eval "$(printf %%s "$1" | tr "\\2\\5\\6\\7" "\\134\\47\\12\\41")"' '%s' '%s'"""
_STAND_INS = "\2\5\6\7"
_SPECIAL = "\\'\n!"
LONGEST_COMMAND = 96 << 10
"""Characters of a command line; Linux takes 128 kB for one word."""

PREPARATION = """\
set -f
IFS=: path=
for entry in $PATH; do case $entry in /*) path=$path:$entry ;; esac; done
PATH=${path#:}
set +f
unset IFS path entry
"""
"""Shell, first in every program of ours: the current folder, and what is relative to it, is no place for programs."""


def line_by_line(name: str) -> str:
    """The command that reads a program from its input, from a line `#begin` to a line `#end`, and runs it as `name`.

    Of half a program nothing is run: a start-up file may have read the beginning, which says where to work.
    """
    return f"{_CLEAN}{_LINE_BY_LINE}'{name}'"


def whole(name: str, text: str) -> str | None:
    """The command that runs a program given as one quoted word; None where it cannot be one.

    Login shells differ in what a backslash, a newline or an exclamation mark means between single quotes: control
    characters stand for them and for the quote until `tr` has put them back. It works in bash, dash, ash, zsh, fish,
    ksh and tcsh.
    """
    if any(character in text for character in _STAND_INS) or len(text) > LONGEST_COMMAND:
        return None
    return _CLEAN + _WHOLE % (name, text.translate(str.maketrans(_SPECIAL, _STAND_INS)))
