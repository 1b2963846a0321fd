"""Secrets in text: found in every form that programs print them in, replaced, and never cut in two (pure)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from core.base64forms import Broken, Form, base64_forms
from core.text import clean

SHORTEST_SECRET = 4
"""Shorter values are not masked: every `1` or `no` on the screen would become `***`, and they hide nothing."""

SHORTEST_NUMBER = 6
"""Shorter numbers are not masked: a port or a year is no secret, and they stand everywhere."""

COMMON = frozenset(
    [
        "true",
        "false",
        "none",
        "null",
        "default",
        "admin",
        "root",
        "user",
        "username",
        "password",
        "passwd",
        "secret",
        "token",
        "test",
        "testing",
        "tests",
        "demo",
        "dev",
        "local",
        "localhost",
        "development",
        "staging",
        "stage",
        "production",
        "prod",
        "live",
        "main",
        "master",
        "trunk",
        "head",
        "release",
        "latest",
        "stable",
        "debug",
        "info",
        "warning",
        "error",
        "http",
        "https",
        "file",
        "data",
        "public",
        "private",
        "example",
        "www-data",
        "deploy",
        "deployer",
        "nginx",
        "apache",
        "postgres",
        "mysql",
        "redis",
        "node",
        "python",
        "ruby",
        "java",
        "docker",
        "linux",
        "utf-8",
        "0.0.0.0",
        "127.0.0.1",
    ]
)
"""Words that are not masked: as secrets they hide nothing, and everything would be full of `***`."""

MASK = "***"

_MOST_PATTERNS = 64
"""Patterns that are kept: usually the same few secrets are printed."""


def is_secret(text: str) -> bool:
    """Whether a text is hidden where it is printed: the rule of docs/configuration.md, "Secrets"."""
    if len(text) < SHORTEST_SECRET or text.casefold() in COMMON:
        return False
    return not (text.isascii() and text.isdigit() and len(text) < SHORTEST_NUMBER)


class Masking:
    """Replaces secrets, and each line of one that has several, where `is_secret` says so.

    A secret is found as it is, as URLs, forms, JSON, XML, HTML, shells, hex and Base64 write it, and as `clean`
    leaves it.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._guard = threading.Lock()
        self._shown: frozenset[str] = frozenset()
        self._secrets: frozenset[str] = frozenset()
        self._forms: list[Form] = []
        self._broken = Broken(())
        self._patterns: dict[tuple[Form, ...], re.Pattern[str]] = {}
        self.longest = 0
        """Characters of the longest form; 0 without secrets."""
        self.learn(secrets)

    @property
    def secrets(self) -> frozenset[str]:
        """All that was learned."""
        return self._secrets

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these, too, from now on; from any thread."""
        with self._guard:
            if not self._secrets.issuperset(secrets := frozenset(secrets) - {""}):
                self._secrets |= secrets
                self._compile()

    def show(self, texts: Iterable[str]) -> None:
        """Never hide a secret that is exactly one of these."""
        with self._guard:
            self._shown |= frozenset(texts)
            if self._secrets & self._shown:
                self._compile()

    def _compile(self) -> None:
        """Make the forms of what is hidden. Whoever masks meanwhile uses the old ones or the new ones."""
        parts = {
            part
            for secret in self._secrets - self._shown
            for part in (secret, *(line.strip() for line in secret.splitlines()))
        }
        parts = {part for part in parts if is_secret(part)}
        forms = {form for part in parts for form in _forms(part)}
        forms |= {form for part in parts for form in base64_forms(part)}
        self._broken = Broken(parts)
        self._forms = sorted(forms, key=lambda form: (form.padding - form.longest, form.pattern))
        self.longest = max((form.longest for form in self._forms), default=0)

    def __call__(self, text: str) -> str:
        """The text with `***` for every secret."""
        pattern = self._in(text)
        pieces = self._broken.spans(text)
        if not pieces:
            return pattern.sub(MASK, text) if pattern else text
        found = sorted([*pieces, *(match.span() for match in pattern.finditer(text))] if pattern else pieces)
        shown, at = "", 0
        for start, end in found:
            if start >= at:
                shown += text[at:start] + MASK
            at = max(at, end)
        return shown + text[at:]

    def _in(self, text: str) -> re.Pattern[str] | None:
        """The pattern of those forms that may be in a text, the longest first; None where none can be.

        Most texts hold no secret: to look for a needle of each form is a thousand times faster than one pattern.
        """
        found = tuple([form for form in self._forms if form.needle in text])
        if not found:
            return None
        if found not in self._patterns:
            if len(self._patterns) >= _MOST_PATTERNS:
                self._patterns.clear()
            self._patterns[found] = re.compile("|".join([form.pattern for form in found]))
        return self._patterns[found]

    def line(self, text: str, limit: int = 4000) -> str:
        """`clean` of the masked text: control characters in a secret do not hide it, and the cut comes last."""
        if not self._forms:
            return clean(text, limit)
        return clean(self(clean(text, len(text))), limit)

    def all(self, value: Any) -> Any:
        """The same value, with every text masked in the mappings, lists and sets in it, keys among them."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self.all(key): self.all(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.all(each) for each in value]
        if isinstance(value, tuple):
            return tuple(self.all(each) for each in value)
        if isinstance(value, (set, frozenset)):
            return [self.all(each) for each in value]
        return value

    def cut(self, text: str, at: int) -> int:
        """The first place from `at` on where a cut leaves every secret of the text whole."""
        pattern = self._in(text)
        if pattern:
            for match in pattern.finditer(text):
                if match.start() >= at:
                    break
                if match.end() > at:
                    return match.end()
        return at


def _forms(part: str) -> Iterator[Form]:
    """How programs print a text: bare, cleaned, in hex, and spelled by the rules of what it is in."""
    raw = part.encode("utf-8", "surrogateescape")  # a variable may hold bytes that are not UTF-8
    cleaned = clean(part, len(part))
    for text in (part, raw.hex(), raw.hex().upper(), *([cleaned] if len(cleaned) >= SHORTEST_SECRET else [])):
        yield Form(text, re.escape(text), len(text))
    for spell in (_in_url, _escaped, _in_xml):
        yield _spelled(part, spell)


def _spelled(part: str, spell: Callable[[str], tuple[str, int]]) -> Form:
    """A text of which programs write each character that is neither a letter nor a digit as it is, or in other ways:
    which ones differs from program to program.

    spell   gives the pattern of one character, or of several backslashes, and how long what it matches can be
    """
    patterns: list[str] = []
    needle = run = ""
    longest = 0
    for text in re.findall(r"\\+|.", part, re.DOTALL):
        if text.isascii() and text.isalnum():
            run += text
            needle = max(needle, run, key=len)
            pattern, most = text, 1
        else:
            run = ""
            pattern, most = spell(text)
        patterns.append(pattern)
        longest += most
    return Form(needle, "".join(patterns), longest)


def _in_url(text: str) -> tuple[str, int]:
    """In a URL or a form (RFC 3986, section 2)."""
    coded = [_bytes(char) for char in text]
    ways = [
        f"{re.escape(char)}|{''.join(f'%(?i:{byte:02x})' for byte in raw)}" + ("|[+]" if char == " " else "")
        for char, raw in zip(text, coded, strict=True)
    ]
    return "".join(f"(?:{way})" for way in ways), sum(3 * len(raw) for raw in coded)


_LETTERS = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\x1b": "[eE]"}
_QUOTES = {"'": """'\\\\''|'"'"'|''""", '"': '""'}
"""In what is quoted itself: for shells, and in YAML, SQL and CSV."""


def _escaped(text: str) -> tuple[str, int]:
    """With backslashes: JSON (also JSON in JSON), JavaScript, shells, Python and PHP."""
    if text[0] == "\\":
        return rf"\\{{{len(text)},{4 * len(text)}}}", 4 * len(text)
    raw, wide = _bytes(text), text.encode("utf-16-be", "surrogatepass")
    units = [wide[place : place + 2].hex() for place in range(0, len(wide), 2)]
    ways = [
        rf"\\{{0,3}}{re.escape(text)}",
        "".join(rf"\\{{1,3}}u(?i:{unit})" for unit in units),
        "".join(rf"\\{{1,3}}(?:x(?i:{byte:02x})|{byte:03o})" for byte in raw),
    ]
    if text in _LETTERS:
        ways.append(rf"\\{{1,3}}{_LETTERS[text]}")
    if text in _QUOTES:
        ways.append(_QUOTES[text])
    return f"(?:{'|'.join(ways)})", max(8 * len(units), 6 * len(raw))


_ENTITIES = {"&": "amp|", "<": "lt|", ">": "gt|", '"': "quot|", "'": "apos|"}


def _in_xml(text: str) -> tuple[str, int]:
    """In XML and HTML, also where that is in XML itself."""
    names = [f"{_ENTITIES.get(char, '')}#0{{0,3}}{ord(char)}|#[xX]0{{0,3}}(?i:{ord(char):x})" for char in text]
    ways = [f"(?:{re.escape(char)}|&(?:amp;)?(?:{name});)" for char, name in zip(text, names, strict=True)]
    return "".join(ways), 18 * len(text)


def _bytes(char: str) -> bytes:
    """A character in UTF-8; one that stands for a byte that is not, as that byte."""
    return char.encode("utf-8", "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")
