"""The packages: complete, the same from the same tree, and working where they are installed, without this checkout."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from packages.__main__ import URL, Faulty, make
from tests import REPOSITORY
from tests.terminal import Terminal
from tests.waiting import until
from tui.cli.arguments import parser_of_all
from tui.cli.man_page import VARIABLES, man_page
from tui.settings import OLD_KEYS

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
NAMES = [re.split(r"[<>=]", text)[0] for text in PROJECT["dependencies"] if ";" not in text]
PAGE = REPOSITORY / "docs/turnout.1"
EPOCH = 1_700_000_000


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name: every file that `make dist` makes."""
    out = tmp_path_factory.mktemp("dist")
    return {path.name: path for path in make(REPOSITORY, out, URL, EPOCH)}


def test_all_packages_are_made_and_their_values_are_right(products: dict[str, Path]) -> None:
    wheel, sdist = f"turnout-{VERSION}-py3-none-any.whl", f"turnout-{VERSION}.tar.gz"
    assert set(products) == {wheel, sdist, "turnout.rb", "PKGBUILD", "SHA256SUMS"}
    digest = hashlib.sha256(products[sdist].read_bytes()).hexdigest()
    assert f"{digest}  {sdist}\n" in products["SHA256SUMS"].read_text()

    metadata = message_from_bytes(ZipFile(products[wheel]).read(f"turnout-{VERSION}.dist-info/METADATA"))
    assert (metadata["Version"], metadata["License-Expression"]) == (VERSION, "MIT")
    needed = {re.split(r"[<>=;]", text)[0] for text in metadata.get_all("Requires-Dist", []) if ";" not in text}
    assert needed == set(NAMES)

    formula = products["turnout.rb"].read_text()
    assert f'sha256 "{digest}"' in formula and f'url "{URL}/{sdist}"' in formula
    assert "{" not in re.sub(r"#\{\w+\}", "", formula), "a value that was not filled in"
    assert formula.count("\n  end\n") == 2 and formula.endswith("\nend\n")

    recipe = products["PKGBUILD"]
    script = f'source \'{recipe}\'; printf \'%s\\n\' "$pkgver" "${{source[*]}}" "${{sha256sums[*]}}" "${{depends[*]}}"'
    said = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [VERSION, f"{URL}/{sdist}", digest, " ".join(["python", *(f"python-{name}" for name in NAMES)])]

    with tarfile.open(products[sdist]) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    assert {"docs/turnout.1", "LICENSE", "CHANGELOG.md", "Makefile", "tests/conftest.py", "packages/PKGBUILD"} <= inside


def test_a_package_that_lacks_something_is_not_handed_out(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for part in ("core", "tui", "docs", "packages"):
        shutil.copytree(REPOSITORY / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, source)
    (source / "core/here.py").write_text(f"HERE = {str(source)!r}\n")
    (source / "core/lost.sh").write_text("")
    (source / "tui/web/lost.css").write_text("")
    (source / ".gitignore").write_text("lost.*\n")
    with pytest.raises(Faulty) as raised:
        make(source, tmp_path / "out", URL, EPOCH)
    assert "lacks core/lost.sh\n" in str(raised.value) and "lacks tui/web/lost.css\n" in str(raised.value)
    assert re.search(rf"whl: core/here.py has {source}\n.*tar.gz: .*core/here.py has {source}", str(raised.value), re.S)


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own(products: dict[str, Path], tmp_path: Path, home: Path) -> None:
    python = installed(products, tmp_path / "env")
    # Its dependencies are those of this Python. A folder that a .pth names comes after the environment's own packages.
    (next(python.parents[1].glob("lib/python*/site-packages")) / "dependencies.pth").write_text(
        f"{sysconfig.get_path('purelib')}\n"
    )
    smoke(python.parent, tmp_path)


def installed(products: dict[str, Path], environment: Path) -> Path:
    """A fresh environment with the wheel, and without the network; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(products[f"turnout-{VERSION}-py3-none-any.whl"])], check=True)
    return python


def smoke(programs: Path, tmp_path: Path) -> None:
    """What an installed Turnout does: its words, its pages, its man page, and the whole demo in a terminal."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    turnout = programs / "turnout"

    def said(*words: str) -> str:
        done = subprocess.run([turnout, *words], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
        return done.stdout

    assert said("--version") == f"turnout {VERSION}\n"
    assert said("help", "cancelling").startswith("Cancelling\n")
    assert "keep (" in said("config", "docs", "deploy.keep")
    assert "_turnout" in said("completion", "bash")
    where = "import tui, core; print(tui.__file__, core.__file__)"
    found = subprocess.run(
        [programs / "python", "-c", where], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert found.stdout.count(str(programs.parent)) == 2, "not those of the checkout"
    assert (programs.parent / "share/man/man1/turnout.1").read_bytes() == PAGE.read_bytes()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with Terminal([str(turnout), "demo"], tmp_path, columns=120, TMPDIR=str(temporary), PYTHONPATH="") as terminal:
        terminal.expect("Releases")
        terminal.type("q")
        assert terminal.end() == 0
    until(lambda: not list(temporary.iterdir()), "the demo has removed what it made")


@pytest.mark.soak
@pytest.mark.parametrize("way", ["pip", "pipx", "uv", "source"])
def test_an_install_with_everything_from_the_index(
    products: dict[str, Path], tmp_path: Path, home: Path, way: str
) -> None:
    """With the network: `make test-install`."""
    wheel = f"{products[f'turnout-{VERSION}-py3-none-any.whl']}[demo]" if way != "source" else f"{REPOSITORY}[demo]"
    tools = tmp_path / "tools"
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    if way in ("pip", "source"):
        subprocess.run([tools / "bin/pip", "install", "--quiet", wheel], check=True)
        smoke(tools / "bin", tmp_path)
        return
    subprocess.run([tools / "bin/pip", "install", "--quiet", way], check=True)
    folders = {"PIPX_HOME": "pipx", "PIPX_BIN_DIR": "bin", "UV_TOOL_DIR": "uv", "UV_TOOL_BIN_DIR": "bin"}
    environ = {**os.environ, **{name: str(tmp_path / folder) for name, folder in folders.items()}}
    words = ["pipx", "install", wheel] if way == "pipx" else ["uv", "tool", "install", wheel]
    subprocess.run([tools / "bin" / words[0], *words[1:]], env=environ, check=True)
    assert (tmp_path / "bin/turnout").is_symlink()
    smoke(tmp_path / ("pipx/venvs/turnout/bin" if way == "pipx" else "uv/turnout/bin"), tmp_path)


@pytest.mark.soak
def test_the_recipe_for_arch_builds_a_package(products: dict[str, Path], tmp_path: Path) -> None:
    """Its functions, as makepkg calls them; with `installer` from the index."""
    tools = tmp_path / "tools"
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    subprocess.run([tools / "bin/pip", "install", "--quiet", "build", "installer", "hatchling"], check=True)
    with tarfile.open(products[f"turnout-{VERSION}.tar.gz"]) as tar:
        tar.extractall(tmp_path / "src", filter="data")
    package = tmp_path / "pkg"
    script = f"source '{products['PKGBUILD']}'; (build); (package)"
    environ = {**os.environ, "pkgdir": str(package), "PATH": f"{tools}/bin:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path / "src", env=environ, check=True)
    found = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    ends = ("bin/turnout", "share/man/man1/turnout.1", "share/zsh/site-functions/_turnout")
    assert all(any(name.endswith(end) for name in found) for end in ends), found
    assert "usr/share/licenses/turnout/LICENSE" in found


def test_the_man_page_has_every_command_and_option_and_renders_without_a_warning(tmp_path: Path) -> None:
    text = man_page(VERSION)
    assert PAGE.read_text("utf-8") == text, "make words"
    if shutil.which("groff"):
        # As `man -l` does; -z would only look at the requests.
        words = ["groff", "-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou"]
        done = subprocess.run(words, input=text.encode(), capture_output=True, check=True)
        assert done.stderr == b""
        shown = " ".join(done.stdout.decode().split())
    else:
        shown = text.replace("\\-", "-")
    for words in every_word(parser_of_all()):
        assert words in shown, words


def every_word(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield below.prog
                yield from every_word(below)
        yield from action.option_strings


def test_the_man_page_has_every_variable_that_is_read_on_this_machine() -> None:
    files = [*(REPOSITORY / "core").rglob("*.py"), *(REPOSITORY / "tui").rglob("*.py")]
    quoted = {name for path in files for name in re.findall(r'"(TURNOUT_[A-Z_]+)"', path.read_text("utf-8"))}
    of_hooks = set(re.findall(r"TURNOUT_[A-Z_]+", (REPOSITORY / "docs/configuration.md").read_text("utf-8")))
    assert quoted - of_hooks - {OLD_KEYS} == VARIABLES.keys() - of_hooks - {"NO_COLOR"}
