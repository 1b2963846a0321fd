"""A recipe on real servers: its page's files with this machine's addresses, ports and paths; nothing else changes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.engine.driving import at_rest, live
from tests.load import Load
from tests.projects import Files, SampleProject, Script, write_files
from tests.recipes import pages
from tests.recipes.systemd import Systemd
from tests.servers import Destination, free_port, need
from tests.waiting import until
from tui.cli import main

NGINX = """
user root; daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5; types {{ text/html html; text/css css; }}
  include {folder}/conf.d/*.conf;
}}
"""
"""What a distribution's nginx.conf is around the site's own file."""
NPM = """#!/bin/sh
case $1 in
    ci) test -e package-lock.json && mkdir -p node_modules ;;
    run) sh -ec "$({python} -c "import json; print(json.load(open('package.json'))['scripts']['$2'])")" ;;
    prune) test -d node_modules ;;
    *) exit 1 ;;
esac
"""
"""What npm does here: it runs the scripts of package.json. There is nothing to install."""
SERVER = re.compile(r'host = "([^"]+)", root = "([^"]+)"')


class Nginx:
    """An nginx of the test's own, as the unit `nginx` of the stand-in for systemd."""

    def __init__(self, folder: Path, systemd: Systemd) -> None:
        self.folder, self._systemd = folder, systemd
        self.sites = folder / "conf.d"
        self.sites.mkdir(parents=True)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder))

    def start(self) -> None:
        command = f"{need('nginx')} -c {self.folder}/nginx.conf"
        self._systemd.add("nginx.service", f"ExecStart={command}\nExecReload={command} -s reload\n")
        self._systemd.do(["start", "nginx"])
        until((self.folder / "pid").exists, "nginx to start")


class Recipe:
    """A page, done on servers of this machine.

    names   what the page says, and what it is called here: addresses, ports, paths
    """

    def __init__(self, page: pages.Page, places: Sequence[Destination], folder: Path, systemd: Systemd) -> None:
        self.page, self.places, self.systemd = page, places, systemd
        self.place = places[0]
        self.project = SampleProject(folder, folder)
        self.nginx = Nginx(folder.parent / "nginx", systemd)
        self.port = free_port()
        """Where the site answers."""
        self.folder = ""
        """Where turnout.toml is, below the project's folder."""
        self.names: dict[str, str] = {
            "sudo -n systemctl": f"{systemd.sudo} -n {systemd.systemctl}",
            "systemctl --user": f"{systemd.systemctl} --user",
            "python3 ": f"{sys.executable} ",
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "127.0.0.1:80/": f"127.0.0.1:{self.port}/",
        }

    def fill(self, text: str, place: Destination | None = None) -> str:
        """A text of the page with this machine's names; the longest ones first, so that none hides another."""
        place = place or self.place
        names = {**self.names, "/srv/shop": place.root}
        found = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
        return found.sub(lambda match: names[match[0]], text)

    def configure(self) -> None:
        """Write turnout.toml: each server of the page is one of this machine."""
        text = self.page["turnout.toml"]
        said = SERVER.findall(text)
        assert len(said) == len(self.places)
        for (host, root), place in zip(said, self.places, strict=True):
            text = text.replace(f'host = "{host}", root = "{root}"', f'host = "{place.alias}", root = "{place.root}"')
        config = self.project.folder / self.folder / "turnout.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(self.fill(text))

    def begin(self, files: Files) -> None:
        """The repository with turnout.toml and the files of the application."""
        self.configure()
        self.project.git("init", "--quiet", "--initial-branch=main")
        self.project.commit(files, "The first version")

    def commands(self, heading: str) -> None:
        """Do what the page says under a heading, in one shell's folder after the other."""
        for line in self.page.commands[heading].splitlines():
            self.run(line)

    def run(self, line: str) -> None:
        """Do a line of the page: `turnout` in this process, all else in a shell."""
        command = self.fill(line.partition("  #")[0].strip())
        if command.startswith("cd "):
            self.folder = command.removeprefix("cd ")
        elif command.startswith("turnout "):
            self.turnout(*shlex.split(command)[1:])
        elif command:
            subprocess.run(["sh", "-ec", command], cwd=self.project.folder, check=True)

    def words(self, line: str) -> list[str]:
        """The words of a `turnout` line of the page, without its first one."""
        return shlex.split(self.fill(line))[1:]

    def turnout(self, *words: str, code: int = 0) -> None:
        """Run the command in this process, as it is run in the project's folder; with --yes where it would ask."""
        changes = {"deploy", "rollback", "task", "run", "trust"}
        before = os.getcwd()
        os.chdir(self.project.folder / self.folder)
        try:
            ended = main([*words, *(["--yes"] if words[0] in changes and "--yes" not in words else [])])
        finally:
            os.chdir(before)
        assert ended == code, f"turnout {' '.join(words)}: exit code {ended}"

    def replace_npm(self) -> None:
        """Put a program in place of npm, which is not everywhere."""
        write_files(self.systemd.folder, {"npm": Script(NPM.format(python=sys.executable))})
        self.names["npm "] = f"{self.systemd.folder}/npm "

    def live(self) -> str:
        """The tag that is live on the first server."""
        return live(self.place)

    def all_live(self) -> list[str]:
        """The tag that is live on each server."""
        return [live(place) for place in self.places]

    def there_and_back(self, load: Load, deploy: str = "turnout deploy production") -> None:
        """Deploy a change by this line, and roll back, while `load` asks: each answer is of a release that was live."""
        first = self.live()
        self.project.commit({"news": "2\n"})
        with load:
            load.more()
            self.run(deploy)
            second = self.live()
            load.more()
            self.turnout("rollback", "production")
            load.more()
        assert set(load.said) == {f"200 {first}", f"200 {second}"}, load.said
        assert load.sequence[-50:] == [f"200 {first}"] * 50
        assert set(self.all_live()) == {first}

    def unit(self, file: str, place: Destination | None = None) -> None:
        """Give a unit of the page to systemd, of one server if it is named."""
        name = Path(file).name
        self.systemd.add(f"{place.alias}/{name}" if place else name, self.fill(self.page[file], place))

    def write(self, file: str, path: Path, place: Destination | None = None) -> None:
        """Write a file of the page to where it belongs here."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.fill(self.page[file], place))


@pytest.fixture
def recipe(request, servers, tmp_path) -> Iterator[Recipe]:
    """The recipe of the page that the test's marker names, on as many servers as its turnout.toml has."""
    page = pages.read(request.param)
    places = servers(len(SERVER.findall(page["turnout.toml"])))
    with tempfile.TemporaryDirectory(prefix="t-") as short:  # names of sockets are at most 107 bytes long
        systemd = Systemd(Path(short))
        made = Recipe(page, places, tmp_path / "shop", systemd)
        yield made
        systemd.close()
    at_rest(places)


def page(name: str):
    """A test of a recipe: `@page("static-site")`."""
    return pytest.mark.parametrize("recipe", [name], indirect=True)
