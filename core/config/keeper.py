"""Values for `${NAME}`: of the environment's variables, and of the commands in [secrets], each asked once."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from core.config import values
from core.config.table import Broken, Table
from core.config.types import Command, Timeout
from core.masking import Masking

if TYPE_CHECKING:
    from core.jobs import Cancel

LONGEST_SECRET = 64 << 10
"""Bytes that a command may print."""
_LOOK = 0.05
"""Seconds between two looks at a cancel request."""
_AGAIN = 60.0
"""Seconds after which a command that failed may be asked again, by another operation."""


class Secret(Table):
    """A value that a command prints."""

    run: Command
    """A command for a shell, on the operator's machine, in the folder of turnout.toml."""
    timeout: Timeout = 30.0
    """Seconds."""


def known_secrets(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules that secrets have names that `${NAME}` can have, and do not need one another."""
    secrets = table.get("secrets")
    for name in secrets if isinstance(secrets, dict) else ():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            yield (
                ("secrets", name),
                f"{values.shown(name)} is not a name for ${{NAME}}: use letters, digits and '_'",
                "",
            )


class _Asked(Struct, frozen=True):
    """What a command gave: a value, or why there is none, and when by the monotonic clock."""

    value: str = ""
    why_not: str = ""
    at: float = 0.0


class Keeper:
    """Knows the values of one project, and hides those that are secret: `mask` learns each as soon as it is known."""

    def __init__(self, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> None:
        self.mask = Masking()
        self.secrets: Mapping[str, Secret] = {}
        """The commands by name. A variable of the environment with that name counts more: CI can set it."""
        self._environ = {} if environ is None else environ
        self._folder = folder
        self._asked: dict[str, _Asked] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def known(self, name: str) -> str | None:
        """The value of a variable of the environment, if it is set; it is hidden from now on."""
        value = self._environ.get(name)
        if value:
            self.mask.learn([value])
        return value

    def ask(self, names: Iterable[str], cancel: Cancel | None = None) -> None:
        """Find out several values at once; what fails is told by `value`. Raises Cancelled."""
        wanted = [name for name in dict.fromkeys(names) if name in self.secrets and name not in self._environ]
        threads = [
            threading.Thread(target=self._ask, args=(name,), name=f"secret {name}", daemon=True) for name in wanted
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_LOOK)
                if cancel:
                    cancel.check()

    def value(self, name: str) -> str:
        """The value of a name. LookupError says why there is none."""
        found = self.known(name)
        if found is not None:
            return found
        if name not in self.secrets:
            raise LookupError(f"the variable {name} is not set")
        asked = self._ask(name)
        if asked.why_not:
            raise LookupError(f"the secret {name} cannot be read: {asked.why_not}")
        return asked.value

    def _ask(self, name: str) -> _Asked:
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            asked = self._asked.get(name)
            if asked is None or (asked.why_not and time.monotonic() - asked.at > _AGAIN):
                asked = self._asked[name] = self._run(self.secrets[name])
            return asked

    def _run(self, secret: Secret) -> _Asked:
        import subprocess

        from core.process import collect  # few projects have secrets of commands

        quiet = subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                ["sh", "-c", secret.run],
                cwd=self._folder,
                env=dict(self._environ),
                stdin=quiet,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return _Asked(why_not=f"sh cannot be started: {error.strerror}", at=time.monotonic())
        try:
            out, said = collect(process, secret.timeout)
        except TimeoutError:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            return _Asked(why_not=f"its command took longer than {secret.timeout:g} s", at=time.monotonic())
        value = out.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
        why_not = ""
        if process.returncode:
            words = self.mask.line(said.decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
            why_not = f"its command failed with status {process.returncode}{': ' if words else ''}{words}"
        elif not value.strip():
            why_not = "its command printed nothing"
        elif len(out) > LONGEST_SECRET or "\0" in value:
            why_not = f"its command printed more than {LONGEST_SECRET >> 10} kB, or a zero byte"
        if why_not:
            return _Asked(why_not=why_not, at=time.monotonic())
        self.mask.learn([value])
        return _Asked(value)
