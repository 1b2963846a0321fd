"""Services that restart while systemd holds their socket: docs/recipes/python-venv.md and node.md, under load."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import zipfile
from pathlib import Path

from tests.load import Load
from tests.recipes.conftest import Recipe, page
from tests.servers import free_port, need


def wheel(name: str, folder: Path) -> None:
    """Make a wheel of a package that this Python has, so that pip needs no network."""
    installed = importlib.metadata.distribution(name)
    here = Path(str(installed.locate_file("")))
    files = [str(file) for file in installed.files or () if ".." not in str(file) and "__pycache__" not in str(file)]
    info = next(file for file in files if file.endswith(".dist-info/WHEEL")).partition("/")[0]
    rows = []
    with zipfile.ZipFile(folder / f"{name}-{installed.version}-py3-none-any.whl", "w") as archive:
        for file in files:
            if not file.endswith("/RECORD"):
                content = (here / file).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                rows.append(f"{file},sha256={digest},{len(content)}")
                archive.writestr(file, content)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")


def there_and_back(recipe: Recipe, port: int) -> None:
    """The steps of the page, then a change and the way back under load; the release is as it was made."""
    recipe.commands("The steps")
    recipe.there_and_back(Load(port))
    recipe.turnout("verify", "production")


@page("python-venv")
def test_a_venv_of_its_own_for_each_release(recipe, tmp_path):
    wheels, port = tmp_path / "wheels", free_port()
    wheels.mkdir()
    for name in ("gunicorn", "packaging"):
        wheel(name, wheels)
    pip = recipe.place.server.home / ".config/pip/pip.conf"
    pip.parent.mkdir(parents=True, exist_ok=True)
    pip.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    recipe.names |= {"127.0.0.1:8000": f"127.0.0.1:{port}", "loginctl": ": loginctl"}
    for unit in ("shop.socket", "shop.service"):
        recipe.unit(f"~/.config/systemd/user/{unit}")
    recipe.begin({name: recipe.page[name] for name in ("requirements.txt", "shop.py")})
    recipe.commands("On the server, once")
    there_and_back(recipe, port)
    programs = list((recipe.place.files / "releases").glob("*/.venv/bin/gunicorn"))
    assert len(programs) == 2 and all(f"{path.parent}/python" in path.read_text() for path in programs)


@page("node")
def test_a_node_service(recipe):
    port = free_port()
    recipe.names |= {
        "127.0.0.1:3000": f"127.0.0.1:{port}",
        "loginctl": ": loginctl",
        "/usr/bin/node": need("node"),
    }
    recipe.replace_npm()
    for unit in ("shop.socket", "shop.service"):
        recipe.unit(f"~/.config/systemd/user/{unit}")
    files = {name: recipe.page[name] for name in ("package.json", "src/server.js")}
    recipe.begin({**files, "package-lock.json": "{}\n"})
    recipe.commands("On the server, once")
    there_and_back(recipe, port)
    assert not (recipe.place.files / "current/src").exists()
