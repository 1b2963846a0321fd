"""Fabric's own files and variables decide nothing: what is read is turnout.toml and OpenSSH's configuration."""

import pytest

from core.events import HookFinished, HookOutput
from tests.engine.driving import live
from tests.projects import hook

YAML = """\
user: nobody
port: 1
connect_kwargs: {password: wrong, key_filename: /nowhere}
run: {dry: true, echo: true, env: {PATH: /nowhere}, shell: /nowhere}
timeouts: {connect: 0, command: 0}
gateway: nowhere.invalid
load_ssh_configs: false
ssh_config_path: /nowhere
"""
PROGRAM = 'open("{ran}", "w")\nuser = "nobody"\nrun = {{"dry": True}}\n'


@pytest.mark.parametrize("name", [".fabric.yaml", ".fabric.yml", ".fabric.json", ".fabric.py", ".invoke.yaml"])
def test_files_of_fabric_are_never_read(sshd, project_factory, engine, home, tmp_path, name):
    ran = tmp_path / "ran"
    text = PROGRAM.format(ran=ran) if name.endswith(".py") else YAML
    text = '{"user": "nobody", "run": {"dry": true}}' if name.endswith(".json") else text
    (home / name).write_text(text)
    project = project_factory([sshd], extra=hook("after-switch", "echo ran"))
    (project.folder / name.replace(".fabric", "fabric").replace(".invoke", "invoke")).write_text(text)
    operator = engine(project)
    operator.deploy(tag="one")
    assert live(sshd) == "one" and not ran.exists()
    assert [event.line for event in operator.said(HookOutput)] == ["ran"]


def test_variables_of_fabric_are_never_read(sshd, project_factory, engine, monkeypatch, tmp_path):
    (tmp_path / "fabric.yaml").write_text(YAML)
    for prefix in ("INVOKE", "FABRIC"):
        monkeypatch.setenv(f"{prefix}_RUNTIME_CONFIG", str(tmp_path / "fabric.yaml"))
        for name, value in (("RUN_DRY", "1"), ("USER", "nobody"), ("PORT", "1"), ("RUN_WARN", "1"), ("DEBUG", "1")):
            monkeypatch.setenv(f"{prefix}_{name}", value)
    project = project_factory([sshd], extra=hook("after-switch", "echo ran; exit 3"))
    operator = engine(project)
    operator.fails(lambda: operator.deploy(tag="one"))
    assert [event.line for event in operator.said(HookOutput)] == ["ran"]
    assert [event.status for event in operator.said(HookFinished)] == [3]
