"""Shell programs that travel on standard input: a command line is seen by everybody on the machine (pure).

The environment in which they start is a person's own: exported functions and options must not change what is
before a command. What is used here are keywords, special built-ins, which no function replaces in `sh`, built-ins
that are freed of functions here, and names that no login has.
"""

from __future__ import annotations

ITSELF = "unset -f [ cd command echo printf read test; "
"""Shell: from here on, no function of the login shell replaces a built-in."""

_STEADY = "set +efuxC; " + ITSELF
"""Shell: from here on, no option of the login shell applies."""

_AS_BEFORE = "".join(f"case $turnout_options in *{option}*) set -{option} ;; esac\n" for option in "fuCex")
"""Shell: the options with which the login starts a shell, for a command has them too."""


SWALLOWED = "not run: a start-up file there reads standard input and consumed part of what was sent"
"""The message about a program that lacks its beginning."""


def framed(mark: str, text: str) -> str:
    """What the reader with this mark runs: lines of shell between a first and a last line of their own."""
    return f"begin-{mark}\n{text}end-{mark}\n"


def reader(mark: str) -> str:
    """A program for `sh -c` that runs the program on its standard input, as `framed` gives it.

    Half a program is not run: neither one whose end never came, nor one whose beginning a start-up file has read: it
    would run in another folder, and without the lock. It reads with `read`: a shell that reads ahead would
    swallow what follows. No backslash, quote, newline or exclamation mark is in it, so that every login shell hands
    it on as it is; a newline is the third character of IFS, which a shell sets itself when it starts.
    """
    return (
        f"turnout_options=$-; {_STEADY}turnout_text=; turnout_newline=${{IFS#??}}; IFS= read -r turnout_line; "
        f"case $turnout_line in begin-{mark}) ;; *) echo {SWALLOWED} >&2; exit 3 ;; esac; "
        f"while IFS= read -r turnout_line; do case $turnout_line in end-{mark}) "
        'eval "$turnout_text"; exit ;; esac; turnout_text=$turnout_text$turnout_line$turnout_newline; done; exit 3'
    )


def without_input(command: str) -> str:
    """A command for the reader's program to end with: it finds no input, and nothing of the reader's own."""
    forget = "exec < /dev/null\nunset turnout_text turnout_newline turnout_line\n"
    return f"{forget}{_AS_BEFORE}eval {_quote(command)}\n"


def _quote(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
