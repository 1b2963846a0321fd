"""The pictures in screenshots/: written, and compared with what was drawn. A PNG says of which SVG it is."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Mapping
from html import unescape

from tests import REPOSITORY

FOLDER = REPOSITORY / "screenshots"
MOVIE = "tour"
"""The picture that moves: a deploy and a rollback."""
LARGEST = 1_000_000
"""Bytes of it at most."""
NAMES = ("dashboard", "rollback", "revisions", "plan", "deploy", "done", "help")
LEADING = re.compile(
    r'<text ([^>]*?)x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>((?:&#160;)+)([^<]+)</text>'
)
CELL = 12.2
"""The width of a cell in Rich's pictures."""
MADE_FROM = b"SVG SHA-256"
"""The keyword of the PNG's text that names its SVG."""

AGAIN = "run `make screenshots`, and look at the pictures"

_TEXT = re.compile(r'<text class="[\w-]+-(r\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
_STYLE = re.compile(r"\.[\w-]+-(r\d+) \{ ([^}]*)\}")


def shown(svg: str) -> list[str]:
    """What a picture shows: each piece of text with its place and style, from the top; the same for every drawing."""
    styles = dict(_STYLE.findall(svg))
    pieces = [
        (float(y), float(x), unescape(text).replace("\xa0", " "), styles.get(style, ""))
        for style, x, y, text in _TEXT.findall(svg)
    ]
    return [f"{y:.0f},{x:.0f} {text}  ({style})" for y, x, text, style in sorted(pieces) if text.strip()]


def png_is_of(png: bytes, svg: str) -> bool:
    """Whether a PNG was made from this SVG, by what it says of itself."""
    return MADE_FROM + b"\0" + hashlib.sha256(svg.encode()).hexdigest().encode() in png


def stale(drawn: Mapping[str, str]) -> list[str]:
    """Every committed picture that does not show what was drawn, and why."""
    out = []
    for name in NAMES:
        svg, png = FOLDER / f"{name}.svg", FOLDER / f"{name}.png"
        if not svg.exists() or not png.exists():
            out.append(f"{name}: not there")
            continue
        text = svg.read_text("utf-8")
        is_now, was = shown(drawn[name]), shown(text)
        if is_now != was:
            gone = [line for line in was if line not in is_now][:3]
            new = [line for line in is_now if line not in was][:3]
            out.append(
                "\n".join([f"{name}.svg is old:", *(f"  - {text}" for text in gone), *(f"  + {text}" for text in new)])
            )
        if not png_is_of(png.read_bytes(), text):
            out.append(f"{name}.png is not of {name}.svg")
    movie = FOLDER / f"{MOVIE}.svg"
    if not movie.exists() or movie.read_text("utf-8") != drawn[MOVIE]:
        out.append(f"{movie.name} is old, or not there")
    files = {f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")} | {movie.name}
    return out + [
        f"{path.name}: no picture of that name is drawn" for path in FOLDER.iterdir() if path.name not in files
    ]


def write(drawn: Mapping[str, str]) -> None:
    """Put the pictures into screenshots/, as SVG and as PNG."""
    import resvg_py

    FOLDER.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        (FOLDER / f"{name}.svg").write_text(svg, "utf-8")
        if name == MOVIE:
            continue
        # resvg has no other font for a family that is not installed.
        drawing = svg.replace("font-family: arial", "font-family: monospace")
        png = bytes(resvg_py.svg_to_bytes(svg_string=drawing, monospace_family="DejaVu Sans Mono"))
        # Right after the header, which is 8 + 25 bytes.
        (FOLDER / f"{name}.png").write_bytes(png[:33] + _said(svg) + png[33:])


def _said(svg: str) -> bytes:
    """The chunk of a PNG that names the SVG it was made from."""
    body = b"tEXt" + MADE_FROM + b"\0" + hashlib.sha256(svg.encode()).hexdigest().encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def plain_starts(svg: str) -> str:
    """The picture with texts that begin where their first letter is: some viewers drop leading no-break spaces."""

    def move(match: re.Match[str]) -> str:
        before, x, y, length, after, spaces, text = match.groups()
        shift = CELL * spaces.count("&#160;")
        x, length = f"{float(x) + shift:.1f}", f"{float(length) - shift:.1f}"
        return f'<text {before}x="{x}" y="{y}" textLength="{length}"{after}>{text}</text>'

    return LEADING.sub(move, svg)
