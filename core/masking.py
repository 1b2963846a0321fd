"""Secrets in text: found in every form that programs print them in, replaced, and never cut in two (pure)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from core.base64forms import Broken, Form, base64_forms
from core.text import clean
from core.text import quote as shell_quote

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
        forms = {Form(text, re.escape(text), len(text)) for part in parts for text in _forms(part)}
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


def _forms(part: str) -> Iterator[str]:
    """How programs print a text: bare, cleaned, in a URL, a form, JSON, HTML, quoted for a shell, as Python's repr."""
    yield part
    raw = part.encode("utf-8", "surrogateescape")  # a variable may hold bytes that are not UTF-8
    for coded in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield coded
        yield re.sub("%..", lambda code: code[0].lower(), coded)
    for text in (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]):
        yield text
        yield text.replace("/", "\\/")
        yield text.translate(_JSON_IN_HTML)
    for entities in _HTML:
        yield part.translate(entities)
    yield part.replace("'", "'\\''")
    yield part.replace("'", "'\"'\"'")
    yield shell_quote(part)[1:-1]
    yield re.sub(r"([^A-Za-z0-9,._+:@%/-])", r"\\\1", part)
    yield re.sub(r'([\\"$`])', r"\\\1", part)
    yield repr(part)[1:-1]
    yield raw.hex()
    yield raw.hex().upper()
    cleaned = clean(part, len(part))
    if len(cleaned) >= SHORTEST_SECRET:
        yield cleaned


_JSON_IN_HTML = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}
_IN_HTML = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_HTML = (
    _IN_HTML,
    _IN_HTML | {ord('"'): "&quot;"},
    _IN_HTML | {ord('"'): "&quot;", ord("'"): "&#x27;"},
    _IN_HTML | {ord('"'): "&quot;", ord("'"): "&#39;"},
    _IN_HTML | {ord('"'): "&quot;", ord("'"): "&#039;"},
    _IN_HTML | {ord('"'): "&#34;", ord("'"): "&#39;"},
    _IN_HTML | {ord('"'): "&quot;", ord("'"): "&apos;"},
    _IN_HTML | {ord('"'): "&#x22;", ord("'"): "&#x27;"},
)
"""Escapes of Python (with and without quotes), Jinja, PHP, Go and XML."""
