"""The agent's shell text run on this machine, asked verb by verb as docs/agent.md says, without Python's end of it."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.remote.launch import AGENT_PARTS, script
from tests.servers import need

FOLDER = Path(__file__).parents[2] / "core/remote/shell"
SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox": ("busybox", "ash")}
MARK = "MARK"


def text_of(*names: str) -> str:
    return "".join(script(name) for name in names)


def verbs() -> dict[str, str]:
    """The agent's verbs, with the text of each."""
    text = text_of(*AGENT_PARTS, "doctor.sh", "content.sh", "answer.sh", "patch.sh", "slots.sh", "store.sh")
    found = dict(re.findall(r"^verb_(\w+)\(\) (\{.*?(?: \}|^\}))$", text, re.MULTILINE | re.DOTALL))
    assert len(found) == len(re.findall(r"^verb_\w+\(\)", text, re.MULTILINE)) > 25
    return found


def program(root: Path) -> str:
    """The agent for a root, as a shell reads it."""
    return f"root={shlex.quote(str(root))}\nmark={MARK}\nfirst=\n{text_of(*AGENT_PARTS)}"


def word(text: str) -> str:
    """A word of a request: every byte but the plain ones as \\0ooo."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+=,"
    coded = (chr(byte) if byte in plain else f"\\0{byte:03o}" for byte in text.encode())
    return f"'{''.join(coded)}'"


def applets(folder: Path) -> dict[str, str]:
    """An environment whose only programs are BusyBox's."""
    busybox = need("busybox")
    folder.mkdir()
    for name in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
        (folder / name).symlink_to(busybox)
    return {"PATH": str(folder)}


@dataclass(frozen=True)
class Reply:
    """The lines of an answer, and its status."""

    lines: list[str]
    status: int

    def of(self, name: str) -> list[str]:
        """What follows this word in the lines that begin with it."""
        return [line.partition(" ")[2] for line in self.lines if line.split(" ")[0] == name]

    @property
    def words(self) -> set[str]:
        """The words with which the lines begin."""
        return {line.split(" ")[0] for line in self.lines}


class ShellAgent:
    """One running agent. `close` ends its input, which makes it go."""

    def __init__(self, command: list[str], environment: dict[str, str], root: Path) -> None:
        self.root = root
        self._number = 0
        self.process = subprocess.Popen(
            [*command, "-c", program(root), "turnout-agent"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "" and self._line().startswith(f"{MARK} ready ")

    def say(self, line: str) -> None:
        """A line that is not answered on standard output: beat, event, open, cancel."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def send(self, verb: str, *words: str) -> int:
        """Send a request without waiting for its answer; its number."""
        self._number += 1
        self.say(" ".join([str(self._number), verb, *map(word, words)]))
        return self._number

    def answer(self, number: int) -> Reply:
        """The answer to that request."""
        lines: list[str] = []
        while True:
            line = self._line()
            marked = line.split(" ")
            if marked[0] == MARK and marked[1] == str(number):
                return Reply([line for line in lines if line], int(marked[2]))
            lines.append(line)

    def ask(self, verb: str, *words: str) -> Reply:
        return self.answer(self.send(verb, *words))

    def done(self, verb: str, *words: str) -> Reply:
        """The answer to a request that has to be carried out."""
        reply = self.ask(verb, *words)
        assert reply.status == 0, (verb, reply)
        return reply

    def close(self) -> None:
        assert self.process.stdin is not None
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        self.process.wait(60)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the agent has ended"
        return line.removesuffix("\n")
