"""`turnout config check`: what turnout.toml says, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.cli import main

TEXT = """
project = "shop"
[source]
git = "."
publish = "dist"
exclude = ["*.map"]
[environments.production]
servers = [{ name = "web1", host = "web1.example.com", root = "/srv/shop" }]
[environments.staging]
exclude = ["dist/"]
servers = [{ name = "stage1", host = "stage1.example.com", root = "/srv/shop" }]
"""


def test_a_pattern_that_begins_with_the_published_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "turnout.toml"
    for text, warnings in ((TEXT, 1), (TEXT.replace('"dist/"', '"distant", "maps"'), 0)):
        file.write_text(text)
        assert main(["--config", str(file), "config", "check"]) == 0
        out, said = capsys.readouterr()
        assert said.count('warning: exclude "dist/" is looked for below publish = "dist"') == warnings, said
        assert "has no faults: 2 environments, 2 servers" in out
