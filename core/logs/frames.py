"""What the program that follows files sends, as follow.sh describes it (pure)."""

from __future__ import annotations

from msgspec import Struct

LONGEST_FRAME = 16 << 20
"""Bytes of one frame; the program sends far less, so more is nonsense."""


class Ready(Struct, frozen=True):
    """The program has begun."""


class CaughtUp(Struct, frozen=True):
    """What was there at the beginning has been sent; what comes from now on is new."""


class Matching(Struct, frozen=True):
    """So many files match a pattern now."""

    index: int
    number: int


class Unreadable(Struct, frozen=True):
    """A file that the login may not read."""

    index: int
    name: str


class Data(Struct, frozen=True):
    """What is new in a file. `skipped` bytes before it were left out; `cut`: its first line lacks its beginning."""

    index: int
    name: str
    text: bytes
    skipped: int = 0
    cut: bool = False


Frame = Ready | CaughtUp | Matching | Unreadable | Data


class Frames:
    """Takes the bytes as they come, and gives what is whole. ValueError for what is not a frame."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{mark} ".encode()
        self._end = f"\n{mark} end\n".encode()
        self._buffer = b""
        self._searched = 0
        self._head: list[bytes] | None = None

    @property
    def noise(self) -> str:
        """What came and is no frame: before the program has begun, that is what start-up files print."""
        return self._buffer.decode("utf-8", "backslashreplace")

    def take(self, piece: bytes) -> list[Frame]:
        """The frames that are whole now."""
        self._buffer += piece
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames += frame
        if len(self._buffer) > LONGEST_FRAME:
            raise ValueError("a frame without end")
        return frames

    def _next(self) -> list[Frame] | None:
        """What stands in front of the buffer: a frame, or nothing that matters; None where more has to come."""
        if self._head is not None:
            place = self._buffer.find(self._end, self._searched)
            if place < 0:
                self._searched = max(len(self._buffer) - len(self._end), 0)
                return None
            data = self._data(self._head, self._buffer[:place])
            self._buffer = self._buffer[place + len(self._end) :]
            self._head, self._searched = None, 0
            return [data]
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        if not line.startswith(self._mark):
            return []
        words = line[len(self._mark) :].split(b" ", 4)
        if words[0] == b"data" and len(words) == 5:
            self._head = words
            return []
        return [self._short(words)]

    def _data(self, head: list[bytes], text: bytes) -> Data:
        _, index, skipped, cut, name = head
        return Data(int(index), _text(name), text, int(skipped), cut == b"1")

    def _short(self, words: list[bytes]) -> Frame:
        match words:
            case [b"ready"]:
                return Ready()
            case [b"new"]:
                return CaughtUp()
            case [b"files", index, number]:
                return Matching(int(index), int(number))
            case [b"unread", index, *name]:
                return Unreadable(int(index), _text(b" ".join(name)))
        raise ValueError(f"not a frame: {b' '.join(words)[:80]!r}")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
