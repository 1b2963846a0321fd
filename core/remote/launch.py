"""Every shell that Turnout starts on a server: the command line for the login shell, and the text that follows it on
standard input (pure).

The login shell reads its start-up files first, and whatever they left in the environment (CDPATH, exported functions,
options in SHELLOPTS, POSIXLY_CORRECT, TAR_OPTIONS, …) would change what a program there does. So for a program of ours
the login shell only replaces itself by `env -i`, which keeps HOME and PATH, and that by /bin/sh. The words after `exec`
are quoted, so that no alias applies to them. Out of reach: an alias or function named `exec`, `set -n` in a start-up
file, and signals that one ignores, because no shell may heed them again. People's own commands keep the login's
environment; only what comes before them is guarded.

`_ours` and `theirs` give the two beginnings of a command line. For another user than the login, sudo stands there. It
runs /bin/sh and nothing else, so one line of sudoers is enough; what it leaves of the environment (pam_env, env_keep)
is cleared once more for programs of ours. Their text never is a word of the command line then: sudo logs that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from msgspec import Struct

from core import layout
from core.ownership import Ownership
from core.program import ITSELF, SWALLOWED, framed, reader, without_input
from core.text import quote

SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""Where programs are looked for first; the folders of the login's own PATH follow, those with a relative name not."""

_PROGRAMS = Path(__file__).with_name("shell")

SHELL = "/bin/sh"
"""What sudo is asked to run, whatever it is for: a rule for it is enough."""

_CLEAN = f"""exec '/usr/bin/env' '-i' "HOME=$HOME" "PATH={SYSTEM_PATH}:$PATH" """
_OURS = f"{_CLEAN}'/bin/sh' '-c' "
_THEIRS = "exec '/bin/sh' '-c' "
_SUDO = "'sudo' '-n' '-u' '{user}' '--' '/bin/sh' '-c' "
_OURS_AS = (
    _CLEAN + _SUDO + f"""'HOME=~{{user}}; exec /usr/bin/env -i "HOME=$HOME" "PATH={SYSTEM_PATH}:$PATH" """
    """/bin/sh -c "$@"' 'sh' """
)
_THEIRS_AS = (
    f"""exec '/usr/bin/env' "PATH={SYSTEM_PATH}:$PATH" """
    + _SUDO
    + """'HOME=~{user}; export HOME; exec /bin/sh -c "$@"' 'sh' """
)

_LINE_BY_LINE = (
    f"""'IFS= read -r l; [ "$l" = "#begin" ] || {{ echo {SWALLOWED} >&2; exit 3; }}; p=; n=${{IFS#??}}; """
    """while IFS= read -r l && [ "$l" != "#end" ]; do p="$p$l$n"; done; [ "$l" = "#end" ] && eval "$p"' """
)

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
"""Shell, first in every program of ours: programs are not searched in the current folder or relative to it."""

LEAD = (
    ITSELF + "turnout_lead= turnout_fields=; { read -r turnout_fields < /proc/$$/stat || :; } 2> /dev/null; "
    'set -- ${turnout_fields##*) }; [ "${3:-$$}" = $$ ] || '
    'for turnout_lead in /usr/bin/setsid /bin/setsid ""; do if [ -x "$turnout_lead" ]; then break; fi; done; '
    'exec $turnout_lead /bin/sh -c "$0" sh'
)
"""Shell, which is given the reader as its name: OpenSSH makes each command the leader of a process group, by which a
hook is ended as a whole; dropbear does not (field 3 after the name in /proc/PID/stat is the group), so there it becomes
one. It clears no option: where SHELLOPTS is exported, the shell that it becomes would start without it."""

AGENT, UPLOAD, DOWNLOAD = "turnout-agent", "turnout-upload", "turnout-download"
LANE = "turnout-lane"
FOLLOW, GUARD = "turnout-follow", "turnout-guard"
"""What the processes are called on the server."""
PROCESS = "process.sh"
AGENT_PARTS = (
    PROCESS,
    "disks.sh",
    "inspect.sh",
    "listing.sh",
    "links.sh",
    "foreign.sh",
    "claim.sh",
    "group.sh",
    "lock.sh",
    "seed.sh",
    "stage.sh",
    "release.sh",
    "agent.sh",
)
UPLOAD_PARTS = (PROCESS, "disks.sh", "incoming.sh", "upload.sh")
LANE_PARTS = (PROCESS, "incoming.sh", "lane.sh")
DOWNLOAD_PARTS = ("download.sh",)
FOLLOW_PARTS = ("watch.sh", "follow.sh")
GUARD_PARTS = ("watch.sh", "guard.sh")
"""The files of a program, in the order in which a shell reads them; the last one starts to work."""
DOCTOR, CONTENT, STORE, ANSWER, PATCH = "doctor.sh", "content.sh", "store.sh", "answer.sh", "patch.sh"
SLOTS = "slots.sh"
"""Programs that only some requests bring along, for the agent that runs already."""


NOBODYS = Ownership()
"""Nothing is said of whose it is: the login's, with the modes that Turnout gives."""


class Start(Struct, frozen=True):
    """How a shell is started: the command line, and what is sent on its standard input at once."""

    command: str
    text: str = ""


@dataclass(frozen=True, repr=False)
class Command:
    """A person's command, run in a folder with `variables` in its environment and no input. Its repr hides secrets.

    line    for sh
    root    the deploy root, whose lock it may run under
    token   of that lock; "" for none
    mask    its umask; "" for the login's
    """

    line: str
    root: str
    folder: str
    variables: Mapping[str, str]
    token: str = ""
    mask: str = ""


def _ours(account: str) -> str:
    """The beginning of a command line for a program of ours; `account` "": of the login itself."""
    return _OURS_AS.format(user=account) if account else _OURS


def theirs(account: str) -> str:
    """The same for a person's own command, which keeps the login's environment, or what sudo leaves of it."""
    return _THEIRS_AS.format(user=account) if account else _THEIRS


def shell_of(account: str) -> str:
    """Words for sh: SHELL, run by another user; `account` "": by the same."""
    return f'/usr/bin/env "PATH={SYSTEM_PATH}:$PATH" sudo -n -u {account} -- {SHELL}' if account else SHELL


def agent(
    root: str,
    mark: str,
    requests: str,
    *,
    waits: bool,
    link: str = "",
    links: Sequence[str] = (),
    ownership: Ownership = NOBODYS,
    profile: bool = False,
) -> Start:
    """The agent for a deploy root, with its first requests.

    profile   each answer says the processor time that it took
    ownership   whom it runs as, through sudo, and whose what it makes is
    link   what a switch replaces, where that is not `current`; links: others to look at (links.sh)
    mark   a random word that begins each of its own lines
    waits  the server takes input only once a command runs (OpenSSH): what is sent then costs one more round trip, so
           all travels in the command line where it can
    """
    named = quote(" ".join(quote(path) for path in links))
    head = f"{PREPARATION}root={quote(root)}\nmark={mark}\nlink={quote(link)}\nlinks={named}\n{_made(ownership)}"
    head += "profile=yes\n" if profile else ""
    in_one_word = waits and not ownership.become
    command = whole(AGENT, f"{head}first={quote(requests)}\n{agent_program()}") if in_one_word else None
    if command is not None:
        return Start(command)
    return Start(line_by_line(AGENT, ownership.become), f"#begin\n{head}first=\n{agent_program()}#end\n{requests}")


def _made(ownership: Ownership) -> str:
    """Shell: what a program of ours has to know of what it makes; nothing in the usual case."""
    group = f"group={quote(ownership.group)}\n" if ownership.group else ""
    return f"mask={ownership.mask}\n{group}" if ownership.mask else ""


def probe(mark: str, account: str) -> Start:
    """Prints the mark as another user, if sudo lets it."""
    return Start(f"{_ours(account)}'echo {mark}'")


def upload(ownership: Ownership = NOBODYS) -> Start:
    """The program that takes an upload; upload.sh says what it reads."""
    return _beside(UPLOAD, UPLOAD_PARTS, ownership.become, _made(ownership))


def lane(ownership: Ownership = NOBODYS) -> Start:
    """The program that takes pieces of large files beside an upload; lane.sh says what it reads and answers."""
    return _beside(LANE, LANE_PARTS, ownership.become)


def download(account: str = "") -> Start:
    """The program that gives files; download.sh says what it reads and writes."""
    return _beside(DOWNLOAD, DOWNLOAD_PARTS, account)


def follow(
    mark: str, current: str, lines: int, most: int, patterns: Sequence[tuple[int, str]], account: str = ""
) -> Start:
    """The program that follows files (follow.sh says how), relative to the link `current`, with the last `lines` of
    each and at most `most` bytes a second. It goes on while lines come on its input, which BEAT sends."""
    text = "".join(f"{line}\n" for line in (f"begin {mark}", current, lines, most))
    text += "".join(f"{index} {pattern}\n" for index, pattern in patterns)
    begun = _beside(FOLLOW, FOLLOW_PARTS, account)
    return Start(begun.command, f"{begun.text}{text}.\n")


def guarded(mark: str, root: str, current: str, line: str, account: str = "") -> Start:
    """A person's command that prints as long as somebody listens: lines on its input keep it alive, as with `follow`.

    It runs in `current`, or in the deploy root before there is one. A process beside it hears those lines, and answers
    them on standard error; the command itself gets no input.
    """
    start = f"{theirs(account)}{quote(LEAD)} {quote(reader(mark))}"
    program = quote(prepared_program(GUARD_PARTS))
    guard = f"'/usr/bin/env' '-i' \"PATH={SYSTEM_PATH}:$PATH\" '/bin/sh' '-c' {program} {GUARD} $$"
    text = (
        f'echo\necho "{mark} $$"\nexec 3<&0\n{guard} <&3 3<&- > /dev/null &\nexec 2>&1 3<&-\n'
        f"cd {quote(current)} 2> /dev/null || cd {quote(root)} || exit 1\n"
    )
    return Start(start, framed(mark, text + without_input(line)))


def command(mark: str, wanted: Command, account: str = "") -> Start:
    """A person's command.

    account  whom it runs as, like the agent; "" for the login itself
    mark   a random word: it begins the line `MARK PID`, after which the command's own output comes
    The command and its variables are the text, so that `ps` on the server shows nothing of them.
    """
    start = f"{theirs(account)}{quote(LEAD)} {quote(reader(mark))}"
    # What a start-up file printed may end in the middle of a line.
    hello = f'echo\necho "{mark} $$"\nexec 2>&1\n'
    under = _under_lock(wanted.root, wanted.token) if wanted.token else ""
    return Start(start, framed(mark, f"{hello}{umask(wanted.mask)}{under}{work(wanted)}"))


def umask(mask: str) -> str:
    """Shell: the umask of all that follows; the login's is left for ""."""
    return f"command umask {mask}\n" if mask else ""


def work(wanted: Command) -> str:
    """Shell: a person's command in its folder, with its variables."""
    exports = "".join(f"export {name}={quote(value)}\n" for name, value in wanted.variables.items())
    return f"{exports}cd {quote(wanted.folder)} || exit 1\n{without_input(wanted.line)}"


def _under_lock(root: str, token: str) -> str:
    """Shell: before the lock is given back or taken over, what is in its `commands` is ended (lock.sh's end_left); a
    command that arrives later than that does not run. What has ended by then is left alone, and what it started too.

    It is done in a subshell: functions and variables of the login that have the same names stay as they are.
    """
    return (
        f"turnout_said=$(\n{stripped(PROCESS)}own={quote(root)}/{layout.OWN}\nbirth $$\n"
        '[ ! -d "$own/lock" ] || [ -z "$born" ] || say "$$ $born" >> "$own/lock/commands"\n'
        f'held_by {token}\n) || {{ echo "not run: $turnout_said"; exit 3; }}\nunset turnout_said\n'
    )


@cache
def agent_program() -> str:
    """The agent without comments and indentation: what travels at every start (about 45 kB)."""
    return strip("".join(script(name) for name in AGENT_PARTS))


@cache
def prepared_program(parts: tuple[str, ...]) -> str:
    """A program that runs beside the agent, of these files, likewise: it prepares its shell itself."""
    return PREPARATION + strip("".join(script(name) for name in parts))


def _beside(name: str, parts: tuple[str, ...], account: str, head: str = "") -> Start:
    """How such a program is started, with a few lines of its own before it."""
    program = f"{head}{prepared_program(parts)}"
    if account:
        return Start(line_by_line(name, account), f"#begin\n{program}#end\n")
    command = whole(name, program)
    assert command is not None, "it holds no control characters, and is short"
    return Start(command)


def travelling(verb: str, words: Sequence[str | bytes], name: str) -> tuple[str, tuple[str | bytes, ...]]:
    """A request for a verb of a program that travels with it."""
    return "with", (stripped(name), verb, *words)


@cache
def stripped(name: str) -> str:
    """A shell program of this package as it travels."""
    return strip(script(name))


def script(name: str) -> str:
    """The text of a shell program of this package."""
    return (_PROGRAMS / name).read_text("utf-8")


def strip(text: str) -> str:
    """A shell program without its comment lines, blank lines and indentation. It must hold no here-document, and no
    quoted text over several lines but a newline."""
    lines = [line.strip() for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


def line_by_line(name: str, account: str = "") -> str:
    """The command that reads a program from its input, from a line `#begin` to a line `#end`, and runs it as `name`.

    Of half a program nothing is run: a start-up file may have read the beginning, which says where to work.
    """
    return f"{_ours(account)}{_LINE_BY_LINE}'{name}'"


def whole(name: str, text: str) -> str | None:
    """The command that runs a program given as one quoted word; None where it cannot be one.

    Login shells differ in what a backslash, a newline or an exclamation mark means between single quotes: control
    characters replace them and the quote until `tr` has put them back. It works in bash, dash, ash, zsh, fish,
    ksh and tcsh.
    """
    if any(character in text for character in _STAND_INS) or len(text) > LONGEST_COMMAND:
        return None
    return _OURS + _WHOLE % (name, text.translate(str.maketrans(_SPECIAL, _STAND_INS)))
