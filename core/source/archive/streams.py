"""The bytes of an archive behind their compression: a bounded amount at a time, however much they expand."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from core.errors import SourceError
from core.source.archive.member import PIECE, Budget, Damaged
from core.tar.zstd import zstd_library

_READ = 1 << 16
_XZ_MEMORY = 256 << 20
"""Bytes that one xz stream may need; `xz -9` needs 65 MB."""

_TOO_SOON, _COPIED = "the archive ends too soon", "was it copied completely?"

_Decompress = Callable[[], Any]


class _Deflated:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._rest

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._rest + data, max_length)
        self._rest = self._inner.unconsumed_tail
        return out


def _zstd() -> Any:
    """A decompressor for zstd: of Python 3.14, or of backports.zstd. Its window is bounded by the library."""
    try:
        return zstd_library().ZstdDecompressor()
    except ImportError:
        raise SourceError(
            "this Python cannot read zstd",
            hint="pip install backports.zstd, or make the archive with another compression",
        ) from None


_BY_MAGIC: tuple[tuple[bytes, _Decompress], ...] = (
    (b"\x1f\x8b", _Deflated),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    (b"\x5d\0\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY)),
    (b"\x28\xb5\x2f\xfd", _zstd),
)


class Stream:
    """An archive's bytes in order; `budget` bounds all of them."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        head = file.read(8)
        file.seek(0)
        made = next((make for magic, make in _BY_MAGIC if head.startswith(magic)), None)
        self._pieces = _expanded(file, made) if made else iter(lambda: file.read(_READ), b"")
        self._budget = budget
        self._piece = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, which should be few. Damaged where the stream ends before."""
        out = self._taken(size)
        while len(out) < size:
            out += self.some(size - len(out))
        return out

    def some(self, most: int) -> bytes:
        """The next bytes, at least one. Damaged where the stream has ended."""
        if self._at == len(self._piece):
            self._piece, self._at = self._next(), 0
        return self._taken(most)

    def finish(self) -> None:
        """Read what follows the archive's own end, and with it the checksums of its compression."""
        while self._read_on():
            pass

    def _taken(self, most: int) -> bytes:
        out = self._piece[self._at : self._at + most]
        self._at += len(out)
        return out

    def _next(self) -> bytes:
        piece = self._read_on()
        if not piece:
            raise Damaged(_TOO_SOON, hint=_COPIED)
        return piece

    def _read_on(self) -> bytes:
        """The next piece; empty at the end."""
        try:
            piece = next(self._pieces, b"")
        except EOFError:
            raise Damaged(_TOO_SOON, hint=_COPIED) from None
        except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
            raise Damaged("the archive cannot be unpacked", detail=str(error)) from None
        except Exception as error:
            if type(error).__name__ != "ZstdError":  # its module need not be there
                raise
            raise Damaged("the archive cannot be unpacked", detail=str(error)) from None
        self._budget.spend(len(piece))
        return piece


def _expanded(file: BinaryIO, make: _Decompress) -> Iterator[bytes]:
    """The content of one compressed stream after the other, as their tools put them; zeros may follow as padding."""
    rest = file.read(_READ)
    while rest:
        stream = make()
        while not stream.eof:
            if stream.needs_input and not rest:
                rest = file.read(_READ)
                if not rest:
                    raise EOFError
            out = stream.decompress(rest, max_length=PIECE)
            rest = b""
            if out:
                yield out
        rest = stream.unused_data
        while True:
            rest = rest.lstrip(b"\0")
            more = b"" if rest else file.read(_READ)
            if not more:
                break
            rest = more
