"""People's own commands on a server: through Fabric, on a channel of their own, their output line by line."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import paramiko
from invoke.exceptions import CommandTimedOut, Failure, ThreadException

from core.errors import Cancelled, ConnectError, ServerError
from core.jobs import Cancel
from core.masking import Masking
from core.remote.session import Session
from core.text import cut_lines, quote

_STEADY = """\
turnout_options=$-
set +efuxC
unset -f [ cd command echo printf read test
"""
"""Shell: the login's environment is the command's, and may hold functions and options that change what stands before
the command. What is used here are special built-ins, which no function replaces in `sh`, those that are unset here, and
names that no login has."""

_LEAD = """\
turnout_lead= turnout_fields=
{ read -r turnout_fields < /proc/$$/stat; } 2> /dev/null
set -- ${turnout_fields##*) }
[ "${3:-$$}" = $$ ] || for turnout_lead in /usr/bin/setsid /bin/setsid ''; do [ ! -x "$turnout_lead" ] || break; done
"""
"""Shell: OpenSSH makes each command the leader of a process group, by which a hook is ended as a whole; dropbear does
not (field 3 after the name in /proc/PID/stat is the group), so there it becomes one."""

_UNDER_LOCK = """{ read -r turnout_boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null
[ ! -d "$turnout_lock" ] || [ -z "$turnout_boot" ] || echo "$$ ${20}-$turnout_boot" >> "$turnout_lock/commands"
turnout_held=
[ ! -f "$turnout_lock/token" ] || { read -r turnout_held < "$turnout_lock/token"; } 2> /dev/null
[ "$turnout_held" = "$turnout_token" ] || { echo "not run: the lock is not held by this operation any more"; exit 3; }
"""
"""Shell, after _LEAD: whoever gives the lock back or takes it over ends what is in its `commands` first (agent.sh's
end_left); a command that arrives later than that does not run."""

_AS_BEFORE = "".join(f"case $turnout_options in *{option}*) set -{option} ;; esac\n" for option in "fuCex")
"""Shell: the options with which the login starts a shell, for the command's own shell has them too."""

LONGEST_LINE = 16384
"""Characters after which a line without an end is handed on in pieces."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, or None where it was killed or took too long (`late`)."""

    status: int | None
    late: bool = False


class Lines:
    """A stream for Fabric to write to: hands on whole lines, and learns the process id from the first one."""

    encoding = "utf-8"

    def __init__(
        self, mark: str, on_line: Callable[[str], None], mask: Masking, on_process: Callable[[], None] = lambda: None
    ) -> None:
        self.process = 0
        self._mask = mask
        self._on_process = on_process
        self._mark = mark
        self._on_line = on_line
        self._rest = ""

    def write(self, text: str) -> int:
        lines, self._rest = cut_lines(self._rest + text, "\n", LONGEST_LINE, self._mask.cut, self._mask.longest)
        for line in lines:
            self._take(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back but an unfinished line."""

    def finish(self) -> None:
        if self._rest:
            self._take(self._rest)
            self._rest = ""

    def _take(self, line: str) -> None:
        word, _, number = line.partition(" ")
        if not self.process:
            # What a login shell's start-up files print before the command is not the command's.
            if word == self._mark and number.strip().isdigit():
                self.process = int(number)
                self._on_process()
            return
        # Of a progress display that overwrites its line, what stands last.
        self._on_line(line.rstrip("\r").rpartition("\r")[2])


def run(
    session: Session,
    command: str,
    folder: str,
    told: Mapping[str, str],
    seconds: float,
    on_line: Callable[[str], None],
    cancel: Cancel,
    mask: Masking,
    *,
    token: str = "",
) -> Ended:
    """Run a command for `sh` in a folder on the server, with `told` in its environment and no input.

    token   of the lock that it runs under; "" for none. With it the command ends with the lock, also where the
            operator is gone; without it, one that was running when the connection died may run on

    Lines come as they were printed; where a long one is cut, `mask` still finds every secret in its pieces. When the
    time is up or a cancel is asked for, its processes there are ended. Raises Cancelled, ConnectError, and ServerError
    where the login shell ended with status 0 and the command never ran.
    """
    mark = secrets.token_hex(8)
    exports = "".join(f"export {name}={quote(value)}\n" for name, value in told.items())
    # What a start-up file printed may end in the middle of a line.
    hello = f'{_STEADY}echo\necho "{mark} $$"\nexec 2>&1 < /dev/null\n'
    lock = f"{quote(session.root)}/.turnout/lock"
    under = f"turnout_lock={lock} turnout_token={token} turnout_boot=\n{_UNDER_LOCK}" if token else ""
    begin = f"cd {quote(folder)} || exit 1\n{_AS_BEFORE}exec $turnout_lead /bin/sh -c {quote(command)}"
    program = f"{hello}{_LEAD}{under}{exports}{begin}"
    # A cancel may come before the command has said its process id: then it is ended as soon as that is known.
    lines = Lines(mark, on_line, mask, lambda: _stop(session, lines) if cancel.requested else None)
    hint = "the agent there ends the command" if token else "the command may still run there"
    cancel.check()
    unwatch = cancel.on_request(lambda: _stop(session, lines))
    began = time.monotonic()
    try:
        result = session.connection.link.run(
            f"exec '/bin/sh' '-c' {quote(program)}",
            in_stream=False,
            pty=False,
            warn=True,
            hide=False,
            echo=False,
            encoding="utf-8",
            out_stream=lines,
            err_stream=Lines(mark, on_line, mask),
            timeout=seconds,
        )
        lines.finish()
        status = result.exited
    except CommandTimedOut:
        lines.finish()
        _stop(session, lines)
        return Ended(None, late=True)
    except (Failure, ThreadException, OSError, EOFError, paramiko.SSHException) as error:
        cancel.check()
        raise ConnectError(
            "the connection to the server was lost",
            detail=f"while it ran: {command}: {error}",
            hint=hint,
            server=session.name,
        ) from None
    finally:
        unwatch()
    if cancel.requested:
        raise Cancelled("cancelled by the operator")
    if status < 0 and not session.connection.is_open:
        raise ConnectError(
            "the connection to the server was lost",
            detail=f"while it ran: {command}",
            hint=hint,
            server=session.name,
        )
    if status < 0 and time.monotonic() - began >= seconds:
        # Fabric closed the channel because the time was up, and was not asked in time whether it had.
        _stop(session, lines)
        return Ended(None, late=True)
    if status == 0 and not lines.process:
        raise ServerError(
            "the login shell ended well without running the command",
            detail=f"not run: {command}",
            hint="look for an `exit` or `set -n` in the start-up files of the user who logs in",
            server=session.name,
        )
    return Ended(status if status >= 0 else None)


def _stop(session: Session, lines: Lines) -> None:
    """End the command's processes over the agent, without waiting for it."""
    if lines.process:
        process = lines.process

        def stop() -> None:
            try:
                session.stop(process)
            except ConnectError:
                return

        threading.Thread(target=stop, name="stop hook", daemon=True).start()
