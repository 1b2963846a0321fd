"""docs/recipes/containers.md in a mount namespace, as a container has one."""

from __future__ import annotations

import subprocess

import pytest
from ruamel.yaml import YAML

from tests.load import ask
from tests.recipes.conftest import NGINX, page
from tests.servers import need, unavailable
from tests.waiting import until


@pytest.fixture
def container(tmp_path):
    """Start nginx where folders are mounted elsewhere: pairs of a folder here and its place there, below /mnt."""
    started = []

    def start(mounts: list[tuple[str, str]], site: str) -> None:
        folder = tmp_path / "container"
        (folder / "conf.d").mkdir(parents=True)
        (folder / "conf.d/default.conf").write_text(site)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
        steps = [f"mkdir -p '{inside}' && mount --bind '{outside}' '{inside}'" for outside, inside in mounts]
        script = " && ".join(["mount -t tmpfs none /mnt", *steps, f"exec {need('nginx')} -c {folder}/nginx.conf"])
        words = [need("unshare"), "--mount", "--propagation", "private", "sh", "-c", script]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        started.append(process)
        until(lambda: (folder / "pid").exists() or process.poll() is not None, "nginx to start")
        if process.poll() is not None:
            unavailable("this user may not mount a folder")

    yield start
    for process in started:
        process.terminate()
        process.wait()


@page("containers")
def test_a_container_sees_each_switch(recipe, container):
    recipe.names |= {":/app:": ":/mnt/app:", "root /app/": "root /mnt/app/"}
    recipe.begin({"version.txt": "1\n"})
    (recipe.place.files / "shared/uploads").mkdir(parents=True)
    (recipe.place.files / "shared/uploads/photo").write_text("kept\n")
    text = recipe.project.config.read_text().replace("[[checks]]\nhttp", "[[later]]\nhttp")
    checked, unchecked = recipe.project.config.read_text(), text.partition("[[later]]")[0]
    recipe.project.config.write_text(unchecked)
    recipe.commands("The steps")
    volume, _ = YAML(typ="safe").load(recipe.fill(recipe.page["compose.yaml"]))["services"]["web"]["volumes"]
    outside, inside, _ = volume.split(":")
    mistake = (f"{outside}/current", "/mnt/mistake")
    site = recipe.fill(recipe.page["nginx.conf"])
    container(
        [(outside, inside), mistake],
        site + site.replace("/mnt/app/current", "/mnt/mistake").replace("listen ", "server_name mistake; listen "),
    )
    recipe.project.config.write_text(checked)

    def said(site: str = "shop") -> str:
        return ask(recipe.port, "/version.txt", site)[1]

    recipe.project.commit({"version.txt": "2\n"})
    assert (said(), said("mistake")) == ("1\n", "1\n")
    recipe.turnout("deploy", "production")
    assert (said(), said("mistake")) == ("2\n", "1\n")
    assert ask(recipe.port, "/uploads/photo", "shop") == (200, "kept\n"), "shared files are inside as well"
    recipe.turnout("rollback", "production")
    assert said() == "1\n"
