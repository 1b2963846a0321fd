"""The address book of a fleet: every destination is looked up once, many at a time, by ssh where it is installed."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from core.errors import ConnectError
from core.sshconfig import files, reader
from core.sshconfig.options import Options, Target

AT_ONCE = 8
"""How many ssh processes run at a time."""

_OWN = frozenset({"host", "hostname", "port", "user"})
"""What every target has of its own."""


class Book:
    """What the configuration says of each target. Nothing is asked before `ahead` or `look_up`; safe on many threads.

    environ   of the person: HOME, PATH, SSH_AUTH_SOCK and what ${…} names
    folder    where answers are kept; None keeps none
    file      is read instead of ~/.ssh/config and /etc/ssh/ssh_config; "" for those, `none` for no file
    """

    def __init__(self, environ: Mapping[str, str], folder: Path | None = None, file: str = "") -> None:
        self._environ = dict(environ)
        self._folder = folder
        self._file = file
        self._home = environ.get("HOME") or os.path.expanduser("~")
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._slots = threading.Semaphore(AT_ONCE)
        self._entries: dict[Target, _Entry] = {}
        self._asker: _Asker | _Reader | None = None

    def ahead(self, targets: Iterable[Target]) -> None:
        """Begin to look targets up, and the hops that they go through."""
        for target in targets:
            self._entry(target)

    def look_up(self, target: Target) -> Options:
        """What holds for a target; waits for the answer. Raises ConnectError; the next call asks again then."""
        entry = self._entry(target)
        try:
            return entry.get()
        except ConnectError:
            self.forget(target)
            raise

    def forget(self, target: Target) -> None:
        """Ask again the next time: the configuration may be another one by then."""
        with self._lock:
            for one in (target, replace(target, identity=None)):
                self._entries.pop(one, None)
        self._asker = None

    def hops(self, options: Options) -> Target | None:
        """The last hop before a destination, which goes through those before it; None where there is none.

        ConnectError for a hop that is the destination itself, as for ssh.
        """
        if not options.jump:
            return None
        before, _, last = options.jump.rpartition(",")
        try:
            hop = Target.of(last.strip(), jump=before.strip() or None)
        except ValueError as error:
            raise ConnectError(f"ProxyJump {options.jump}: {error}") from None
        if (hop.host, hop.port or 22, hop.user or options.user) == (options.host, options.port, options.user):
            raise ConnectError(f"jumphost loop via {hop.host}", hint=f"give {hop.host} a block with `ProxyJump none`")
        return hop

    def _entry(self, target: Target) -> _Entry:
        with self._lock:
            if target not in self._entries:
                self._entries[target] = _Entry(lambda: self._answer(target))
            return self._entries[target]

    def _answer(self, target: Target) -> Options:
        asked = replace(target, identity=None)
        if asked != target:
            return replace(self.look_up(asked), target=target)
        with self._slots:
            with self._making:
                asker = self._asker = self._asker or self._make()
            values = asker.values(target)
        options = Options(target, values, self._home, self._environ, asker.defaults)
        hop = self.hops(options)
        if hop is not None:
            self._entry(hop)
        return options

    def _make(self) -> _Asker | _Reader:
        from core.sshconfig import asking

        first = files.sources(self._file, self._home)
        ssh = asking.program(self._environ)
        try:
            own = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            ssh = ""  # ssh refuses to work for a user without an entry
            own = ""
        if not ssh:
            return _Reader(first, self._home, self._environ)
        try:
            return _Asker(ssh, first, self._file, self._home, own, self._environ, self._folder)
        except asking.NotOpenSSH:
            return _Reader(first, self._home, self._environ)


class _Entry:
    """An answer that is being looked for on a thread of its own."""

    def __init__(self, work: Callable[[], Options]) -> None:
        self._work = work
        self._options: Options | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="ssh_config", daemon=True)
        self._thread.start()

    def get(self) -> Options:
        self._thread.join()
        if isinstance(self._error, ConnectError):
            raise self._error.again()
        if self._error is not None:
            raise self._error
        assert self._options is not None
        return self._options

    def _run(self) -> None:
        try:
            self._options = self._work()
        except Exception as error:  # it must reach who asks, not die on a thread
            self._error = error


class _Reader:
    """For machines without ssh."""

    defaults = reader.DEFAULTS

    def __init__(self, first: list[files.Source], home: str, environ: Mapping[str, str]) -> None:
        self._first = first
        self._home = home
        self._environ = environ

    def values(self, target: Target) -> dict[str, tuple[str, ...]]:
        return reader.read(target, self._first, self._home, self._environ)


class _Asker:
    """Asks ssh, or what was kept of its answers."""

    def __init__(
        self,
        ssh: str,
        first: list[files.Source],
        named: str,
        home: str,
        own: str,
        environ: Mapping[str, str],
        folder: Path | None,
    ) -> None:
        from core.sshconfig.asking import Kept, NotOpenSSH, is_script

        self._ssh = ssh
        self._first = first
        self._file = ["-F", named] if named else []
        self._home = home
        self._moved = home != own
        self._environ = environ
        status = os.stat(ssh)
        facts = [ssh, str(status.st_mtime_ns), str(status.st_size), str(os.getuid()), os.uname().nodename, own]
        keep = folder is not None and not is_script(ssh)
        digest = files.digest(first, home, environ, [*facts, named]) if keep else ""
        self._kept = Kept(folder or Path(), digest)
        self.defaults: dict[str, tuple[str, ...]] = {}
        try:
            defaults = self._defaults()
        except ConnectError:
            raise NotOpenSSH from None
        self.defaults = {name: values for name, values in defaults.items() if name not in _OWN}

    def values(self, target: Target) -> dict[str, tuple[str, ...]]:
        from core.sshconfig.asking import words_for

        words = words_for(target, with_command=self._with_command)
        name = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return {**self.defaults, **self._ask(name, None, words)}

    def _defaults(self) -> dict[str, tuple[str, ...]]:
        """What holds where nothing is configured. Finds out whether this ssh knows RemoteCommand (since 7.6)."""
        from core.sshconfig.asking import words_for

        here, none = Target("localhost"), ["-F", "none"]
        self._with_command = True
        try:
            return self._ask("defaults", none, words_for(here))
        except ConnectError:
            self._with_command = False
            return self._ask("defaults-old", none, words_for(here, with_command=False))

    def _ask(self, name: str, file: list[str] | None, words: list[str]) -> dict[str, tuple[str, ...]]:
        from core.sshconfig.asking import ask

        values = self._kept.get(name)
        if values is None:
            if file is not None or not self._moved:
                values = ask(self._ssh, self._file if file is None else file, words, self._environ)
            else:
                values = self._ask_moved(words)
            if file is None:
                values = {key: texts for key, texts in values.items() if self.defaults.get(key) != texts}
            self._kept.put(name, values)
        return values

    def _ask_moved(self, words: list[str]) -> dict[str, tuple[str, ...]]:
        """ssh's answer where HOME is not the home of the user database, from where ssh would read."""
        import tempfile

        from core.sshconfig.asking import ask

        files.sweep(Path(tempfile.gettempdir()))
        with tempfile.TemporaryDirectory(prefix=files.copies()) as folder:
            start, copies = files.rehomed(self._first, self._home, Path(folder))
            try:
                return ask(self._ssh, ["-F", str(start)], words, self._environ)
            except ConnectError as error:
                copied = re.escape(folder) + r"/\d+"
                error.detail = re.sub(copied, lambda found: str(copies.get(found[0], found[0])), error.detail)
                raise
