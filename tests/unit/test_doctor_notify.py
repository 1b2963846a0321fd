"""What doctor says of [[notify]], without sending anything."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from core.config import parse
from core.doctor.finding import check_of
from core.doctor.notify import notify
from core.settings import Settings

FILE = """
project = "shop"
[source]
git = "."
[environments.production]
servers = [{ name = "web1", host = "web1", root = "/srv/shop" }]
[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv/shop" }]
"""


def said(extra: str, environment: str = "production") -> list[tuple[str, str]]:
    project = parse(FILE + extra, Path("turnout.toml"), Settings(environ={}))
    findings = list(notify(project, environment))
    assert all(check_of(finding) == "checks" for finding in findings)
    return [(finding.level, finding.text) for finding in findings]


def told(url: str, more: str = "") -> str:
    return f'[[notify]]\nurl = "{url}"\n{more}\n'


@pytest.mark.filterwarnings("ignore:.*is deprecated and slated for removal:DeprecationWarning")
def test_an_address_that_nobody_knows_is_named_without_its_secrets() -> None:
    pytest.importorskip("apprise")
    assert said(told("foo://token@bar") + told("json://localhost")) == [
        ("warning", "notify[0].url is not one that Apprise knows"),
        ("ok", "Apprise knows 1 address; nothing was sent"),
    ]
    only = told("foo://bar", 'environments = ["staging"]')
    assert said(only) == [] and len(said(only, "staging")) == 1
    secret = '[secrets]\nURL = { run = "exit 1" }\n' + told("${URL}")
    assert said(secret) == [], "nobody is asked for a secret"


def test_without_apprise_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "apprise" else find(name))
    ((level, text),) = said(told("foo://bar") + told("json://localhost"))
    assert level == "warning" and "not installed" in text
