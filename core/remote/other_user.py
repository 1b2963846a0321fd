"""A person's command that runs as another user than the agent: `as` of turnout.toml (pure).

The agent may not end the processes of another user. So three small ones come between them:

    outer     the login's shell, which becomes sudo and then, as the other user, the command; it ends with the command
    keeper    of the agent's user: it only sleeps. To end it is to end the command
    witness   of the agent's user: it ends when `outer` has ended, and no signal but KILL ends it before
    guard     of the other user: when the keeper is gone it ends the command, by TERM and a second later by KILL

Keeper and witness are in the lock's `commands`, in this order: whoever ends them (lock.sh's end_left) has waited for
the command when the second one is gone. Where /proc shows no processes of other users (hidepid, some BSDs) there is no
guard: the command is then ended only by its own end.
"""

from __future__ import annotations

import secrets

from core import layout
from core.program import framed, reader
from core.remote import launch
from core.remote.launch import Command, Start
from core.text import quote

_KEEPER = """\
trap '' HUP
birth "$1"
outer=$born
( exec sleep 2147483647 ) < /dev/null > /dev/null 2>&1 &
keeper=$!
birth "$keeper"
kept=$born
(
  trap '' INT TERM
  while birth "$1" && [ -n "$born" ] && [ "$born" = "$outer" ]; do sleep 0.1 2> /dev/null || sleep 1; done
  kill "$keeper"
) < /dev/null > /dev/null 2>&1 &
witness=$!
birth "$witness"
"""
"""Shell, after process.sh, with the outer process as its first word; the system may show no births."""

_UNDER_LOCK = """\
[ ! -d "$own/lock" ] || [ -z "$kept" ] || printf '%s %s\\n' "$keeper" "$kept" "$witness" "$born" >> "$own/lock/commands"
held_by "$token"
"""
"""Shell, likewise: before the lock is given back or taken over both are ended; whoever arrives later runs nothing."""

_GUARD = """\
( (
PROCESS
trap '' HUP INT TERM
birth 1
[ -n "$born" ] && [ -n "${turnout_keeper#* }" ] || exit
birth $$
lead=$born
until birth "${turnout_keeper%% *}"; [ "$born" != "${turnout_keeper#* }" ]; do
birth $$
[ "$born" = "$lead" ] || exit
sleep 0.2 2> /dev/null || sleep 1
done
for signal in TERM KILL; do
birth $$
[ "$born" = "$lead" ] || exit
kill "-$signal" -$$ || kill "-$signal" $$
sleep 1
done
) < /dev/null > /dev/null 2>&1 & )
"""
"""Shell, for the command's own shell, which leads its group. It is no child of that shell, whose `wait` would wait for
it. Whether /proc shows other users is asked of the first process: the keeper may be gone before the first look."""


def command(mark: str, wanted: Command, *, account: str, user: str) -> Start:
    """See launch.command, whose `MARK PID` names the keeper here.

    account  whom the agent runs as; user: whom the command runs as, another one. "" for the login itself
    """
    inner = secrets.token_hex(8)
    start = f"{launch.theirs('')}{quote(reader(mark))}"
    return Start(
        start,
        framed(mark, _outer(wanted, inner, account, user)) + framed(inner, _inner(mark, wanted)),
    )


def _outer(wanted: Command, inner: str, account: str, user: str) -> str:
    """Shell of the login: starts the keeper, and becomes the command's shell."""
    lock = f"own={quote(wanted.root)}/{layout.OWN}\ntoken={wanted.token}\n" if wanted.token else ""
    before = f"{launch.umask(wanted.mask)}{launch.stripped(launch.PROCESS)}{lock}"
    keeper = f'{before}{_KEEPER}{_UNDER_LOCK if wanted.token else ""}printf "\\n%s %s\\n" "$keeper" "$kept"\n'
    first = f"turnout_keeper=$(printf %s {quote(keeper)} | {launch.shell_of(account)} -s $$)"
    refused = '{ echo; echo "not run: $turnout_keeper"; exit 3; }'
    # sudo, or what PAM runs for it, may print before that.
    last = 'turnout_keeper=${turnout_keeper##*"$turnout_newline"}'
    home = f'HOME=~{user}; turnout_keeper=$1; shift; export HOME turnout_keeper; exec {launch.SHELL} -c "$@"'
    kept = f'turnout_keeper=$1; shift; export turnout_keeper; exec {launch.SHELL} -c "$@"'
    words = f'{launch.shell_of(user)} -c {quote(home if user else kept)} sh "$turnout_keeper"'
    return f"{first} || {refused}\n{last}\nexec {words} {quote(launch.LEAD)} {quote(reader(inner))}\n"


def _inner(mark: str, wanted: Command) -> str:
    """Shell of the other user: the guard, then the command."""
    hello = f'echo\necho "{mark} ${{turnout_keeper%% *}}"\nexec 2>&1\n'
    return f"{hello}{guard()}unset turnout_keeper\n{launch.umask(wanted.mask)}{launch.work(wanted)}"


def guard() -> str:
    """Shell, where `turnout_keeper` is the keeper's id and birth: starts the guard of the process that runs it."""
    return _GUARD.replace("PROCESS\n", launch.stripped(launch.PROCESS))
