"""One picture that moves, of pictures that Textual drew one after the other: an SVG with CSS animations, no script.

Each line of a screen is in it once, and is seen while it is on the screen. Who wants no motion sees one frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TEXT = re.compile(r'<text class="[\w-]+-(r\d+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</text>')
_RECT = re.compile(r'<rect fill="([^"]+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="[\d.]+"[^>]*/>')
_STYLE = re.compile(r"\.[\w-]+-(r\d+) \{ ([^}]*)\}")
_SCREEN = re.compile(r'<g transform="translate\(9, 41\)"[^>]*>(.*)</g>\s*</svg>', re.DOTALL)
_WINDOW = re.compile(r"</defs>(.*?)<g transform=\"translate\(9, 41\)\"", re.DOTALL)
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_TITLE = re.compile(r'<text class="[\w-]+-title"[^>]*>[^<]*</text>')

LINE = 24.4
"""The height of a line in Rich's pictures."""
Piece = tuple[int, str]
"""A line of the screen and what is on it; the caption has the line -1."""


@dataclass(frozen=True)
class Frame:
    """A picture as Rich draws it, for so many seconds, with what happens in it in a few words."""

    seconds: float
    caption: str
    svg: str


def moving(frames: Sequence[Frame], still: int) -> str:
    """The moving picture of these frames, again and again; `still` is the one that is seen without motion."""
    styles: dict[str, str] = {}
    where: dict[Piece, list[int]] = {}
    for number, frame in enumerate(frames):
        for piece in _pieces(frame, styles):
            where.setdefault(piece, []).append(number)
    groups: dict[tuple[int, ...], list[str]] = {}
    for (_, content), seen in sorted(where.items(), key=lambda item: item[0]):
        groups.setdefault(tuple(seen), []).append(content)
    rules, bodies = [], []
    for number, (seen, contents) in enumerate(sorted(groups.items())):
        name = f"v{number}"
        bodies.append(f'<g class="{name}">{"".join(contents)}</g>')
        if len(seen) < len(frames):
            rules += _rules(name, seen, [frame.seconds for frame in frames], shown=still in seen)
    first = frames[0].svg
    (width, height), window = _SIZE.findall(first)[0], _WINDOW.findall(first)[0]
    looks = [f".{name} {{ {style} }}" for style, name in styles.items()]
    return "\n".join(
        [
            f'<svg viewBox="0 0 {width} {float(height):.1f}" xmlns="http://www.w3.org/2000/svg">',
            "<style>",
            "text { font-family: 'Fira Code', ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace;"
            " font-size: 20px; white-space: pre }",
            ".caption { font-size: 18px; font-weight: bold; fill: #c5c8c6; text-anchor: middle }",
            *looks,
            *rules,
            "@media (prefers-reduced-motion: reduce) { g { animation: none !important } }",
            "</style>",
            _TITLE.sub("", window).strip(),
            '<g transform="translate(9, 41)">',
            *bodies,
            "</g>",
            "</svg>\n",
        ]
    )


def _pieces(frame: Frame, styles: dict[str, str]) -> list[Piece]:
    """The lines of a frame; each style gets one name for all frames."""
    own = dict(_STYLE.findall(frame.svg))
    (screen,) = _SCREEN.findall(frame.svg)
    (width, _) = _SIZE.findall(frame.svg)[0]
    lines: dict[int, list[str]] = {
        -1: [f'<text class="caption" x="{float(width) / 2:.0f}" y="-14">{frame.caption}</text>']
    }
    for line, y, fill, x, end in _grounds(screen):
        shape = f'<rect fill="{fill}" x="{_short(x)}" y="{_short(y)}" width="{_short(end - x)}" height="24.7"/>'
        lines.setdefault(line, []).append(shape)
    for style, x, y, length, text in _TEXT.findall(screen):
        if not text.replace("&#160;", "").strip() and "underline" not in own[style]:
            continue
        name = styles.setdefault(own[style].strip().rstrip(";"), f"s{len(styles)}")
        place = f'x="{_short(float(x))}" y="{_short(float(y))}" textLength="{_short(float(length))}"'
        piece = f'<text class="{name}" {place}>{text}</text>'
        lines.setdefault(_line(float(y) - 20), []).append(piece)
    return [(line, "".join(parts)) for line, parts in lines.items()]


def _line(y: float) -> int:
    return round(y / LINE)


def _grounds(screen: str) -> list[tuple[int, float, str, float, float]]:
    """What is behind the text, by line: its top, colour, beginning and end. Where Textual cuts it differs by chance."""
    found: list[tuple[int, float, str, float, float]] = []
    parts = [(_line(float(y) - 1.5), float(x), float(y), fill, float(w)) for fill, x, y, w in _RECT.findall(screen)]
    for line, x, y, fill, cells in sorted(parts):
        if found and found[-1][0] == line and found[-1][2] == fill and abs(found[-1][4] - x) < 0.5:
            found[-1] = (*found[-1][:4], x + cells)
        else:
            found.append((line, y, fill, x, x + cells))
    return found


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _rules(name: str, seen: Sequence[int], seconds: Sequence[float], *, shown: bool) -> list[str]:
    """The CSS that shows something in these frames."""
    whole = sum(seconds)
    steps = []
    before: bool | None = None
    for number in range(len(seconds)):
        now = number in seen
        if now != before:
            steps.append(f"{sum(seconds[:number]) / whole:.2%} {{ visibility: {'visible' if now else 'hidden'} }}")
        before = now
    return [
        f".{name} {{ visibility: {'visible' if shown else 'hidden'}; animation: {name} {whole:g}s step-end infinite }}",
        f"@keyframes {name} {{ {' '.join(steps)} }}",
    ]
