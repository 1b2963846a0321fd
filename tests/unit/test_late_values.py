"""`${NAME}` is found out where it is used: by what needs it, at once, in time, once, and never shown."""

# ruff: noqa: E501
from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Project, body, parse
from core.errors import Cancelled, ConfigError, TurnoutError
from core.jobs import Cancel
from core.operations.asked_ahead import ask_ahead
from core.pending import Pending, whole
from core.settings import Settings
from core.source.build import commands, completed

BASE = """project = "shop"
[source]
git = "."
[environments.production]
servers = [{ name = "web1", host = "web1.example.com", root = "/srv/shop" }]
"""


def project_of(extra: str, folder: Path = Path("/"), base: str = BASE, **environ: str) -> Project:
    environ = {"PATH": "/usr/bin:/bin", **environ}
    return parse(base + extra, folder / "turnout.toml", Settings(environ=environ))


def faults(work, *words) -> str:
    with pytest.raises(ConfigError) as error:
        work(*words)
    return str(error.value)


HOOKS = """
[[hooks]]
on = "{on}"
{what}
"""


def hook(on: str, what: str) -> str:
    return HOOKS.format(on=on, what=what)


def test_a_variable_that_is_not_set_is_needed_only_by_what_uses_it() -> None:
    extra = hook("success", 'webhook = "${HOOK_URL}"') + hook("before-switch", 'run = "curl ${TOKEN}"')
    extra += '[[checks]]\nrun = "test ${CHECKED}"\n[[logs]]\nname = "x"\nrun = "tail ${LOG}"\n'
    extra += '[[notify]]\nurl = "${NOTIFY}"\n'
    project = project_of(extra)
    for text in (project.hooks[0].webhook, project.hooks[1].run, project.checks[0].run, project.logs[0].run):
        assert isinstance(text, Pending)
    for kind in ("prune", "pin", "clear-cache"):
        ask_ahead(project, "production", kind, Cancel())
    said = faults(ask_ahead, project, "production", "rollback", Cancel())
    assert "hooks[1].run: the variable TOKEN is not set" in said
    assert "checks[0].run: the variable CHECKED is not set" in said
    assert "HOOK_URL" not in said and "NOTIFY" not in said and "LOG" not in said
    ready = project_of(extra, TOKEN="s3cr3t-1", CHECKED="s3cr3t-2")
    ask_ahead(ready, "production", "rollback", Cancel())
    assert ready.hooks[1].run == "curl s3cr3t-1" and ready.mask("s3cr3t-1 s3cr3t-2") == "*** ***"


@pytest.mark.parametrize(
    ("key", "extra"),
    [
        ("deploy.migrations[0]", '[deploy]\nmigrations = ["${NOPE}"]\n'),
        ("hooks[0].timeout", hook("success", 'run = "x"\ntimeout = "${NOPE}"')),
    ],
)
def test_a_variable_that_every_command_needs_is_still_a_fault_at_once(key: str, extra: str) -> None:
    assert f"{key}: the variable NOPE is not set" in faults(project_of, extra)


def test_a_secret_is_printed_by_its_command_once_and_hidden(tmp_path: Path) -> None:
    extra = f'[secrets]\nTOKEN = {{ run = "echo x >> {tmp_path}/asked; echo hunter2hunter2" }}\n'
    project = project_of(extra + hook("success", 'webhook = "https://x.example.com/${TOKEN}"'), tmp_path)
    assert not (tmp_path / "asked").exists(), "reading the file asks nothing"
    assert project.mask("hunter2hunter2") == "hunter2hunter2"
    for _ in range(3):
        assert whole(project.hooks[0].webhook or "") == "https://x.example.com/hunter2hunter2"
    assert (tmp_path / "asked").read_text() == "x\n"
    assert project.mask("a hunter2hunter2") == "a ***"
    assert "hunter2" not in repr(project)


def test_a_variable_of_the_environment_counts_more_than_the_command(tmp_path: Path) -> None:
    extra = '[secrets]\nTOKEN = { run = "exit 1" }\n' + hook("success", 'run = "echo ${TOKEN}"')
    assert whole(project_of(extra, tmp_path, TOKEN="from-ci").hooks[0].run or "") == "echo from-ci"


def test_secrets_are_asked_at_once_and_each_in_its_time(tmp_path: Path) -> None:
    names = [f"S{number}" for number in range(5)]
    both = "\n".join(
        f'{name} = {{ run = "while ! [ -e go ]; do sleep 0.02; done; echo {name}-value" }}' for name in names
    )
    last = '\nS5 = { run = "touch go; echo last-value" }\nSLOW = { run = "sleep 60", timeout = "300ms" }\n'
    text = " ".join(f"${{{name}}}" for name in (*names, "S5"))
    project = project_of(f"[secrets]\n{both}{last}" + hook("before-switch", f'run = "{text}"'), tmp_path)
    ask_ahead(project, "production", "deploy", Cancel())
    assert project.mask(" ".join(f"{name}-value" for name in names)) == " ".join(["***"] * 5)
    late = project_of(f"[secrets]{last}" + hook("before-switch", 'run = "${SLOW}"'), tmp_path)
    began = time.monotonic()
    said = faults(ask_ahead, late, "production", "deploy", Cancel())
    assert "hooks[0].run: the secret SLOW cannot be read: its command took longer than 0.3 s" in said
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("echo no session >&2; exit 3", "its command failed with status 3: no session"),
        ("echo ${OTHER} >&2; exit 1", "its command failed with status 1: ***"),
        ("true", "its command printed nothing"),
        ("echo", "its command printed nothing"),
        ("yes | head -c 100000", "its command printed more than 64 kB"),
        ("printf 'a\\\\0b'", "its command printed more than 64 kB, or a zero byte"),
        ("no-such-program-here", "its command failed with status 127"),
    ],
)
def test_a_secret_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, run: str, said: str) -> None:
    extra = f'[secrets]\nTOKEN = {{ run = "{run}" }}\n' + hook("before-switch", 'run = "${TOKEN}"')
    project = project_of(extra, tmp_path, OTHER="0ther-s3cret")
    assert said in faults(ask_ahead, project, "production", "deploy", Cancel())


def test_a_cancel_ends_the_wait_for_a_secret(tmp_path: Path) -> None:
    extra = '[secrets]\nTOKEN = { run = "sleep 5" }\n' + hook("before-switch", 'run = "${TOKEN}"')
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        ask_ahead(project_of(extra, tmp_path), "production", "deploy", cancel)


def test_a_build_asks_for_what_it_needs(tmp_path: Path) -> None:
    base = BASE.replace('git = "."', 'git = "."\nbuild = ["npm ci --token ${TOKEN}", "make"]')
    project = project_of('[secrets]\nTOKEN = { run = "echo hunter2hunter2" }\n', tmp_path, base)
    assert [each.run for each in commands(project)] == ["npm ci --token ${TOKEN}", "make"]
    ask_ahead(project, "production", "rollback", Cancel())
    assert project.mask("hunter2hunter2") == "hunter2hunter2", "a rollback builds nothing"
    assert [each.run for each in completed(project, Cancel())] == ["npm ci --token hunter2hunter2", "make"]
    with pytest.raises(TurnoutError, match=r"source\.build\[0\]: the variable TOKEN is not set"):
        completed(project_of("", tmp_path, base), Cancel())


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('[secrets]\n"a b" = { run = "x" }\n', 'secrets."a b": "a b" is not a name for ${NAME}'),
        ("[secrets]\nA = {}\n", "secrets.A.run: is missing"),
        ('[secrets]\nA = "x"\n', "secrets.A: must be a table"),
        ('[secrets]\nA = { run = "x", timeout = 0 }\n', "secrets.A.timeout: must be more than 0 seconds"),
        ('[secrets]\nA = { run = "${B}" }\nB = { run = "x" }\n', "secrets.A.run: B comes from a command in [secrets]"),
        ('[secrets]\nA = { run = "x" }\n[deploy]\nmigrations = ["${A}"]\n', "deploy.migrations[0]: A comes from a command"),
        ('[[notify]]\nurl = "nonsense"\n', "notify[0].url: must be an address that Apprise knows"),
        ("[[notify]]\n", "notify[0].url: is missing"),
        ('[[notify]]\nurl = "json://x"\non = []\n', "notify[0].on: needs at least one of success"),
        ('[[notify]]\nurl = "json://x"\non = ["succes"]\n', "notify[0].on[0]: must be one of success, failure, hold"),
        ('[[notify]]\nurl = "json://x"\nenvironments = ["prod"]\n', 'notify[0].environments[0]: there is no environment "prod"'),
        (hook("success", 'run = "x"\nbody = "{}"'), "hooks[0].body: is only for a webhook"),
        (hook("success", 'webhook = "https://x"\nbody = "{"'), "hooks[0].body: must be JSON"),
        (
            hook("success", "webhook = \"https://x\"\nbody = '{\"t\": \"{tga}\"}'"),
            'hooks[0].body: {tga} is not known; did you mean "tag"?',
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_once(extra: str, said: str) -> None:
    assert said in faults(project_of, extra)


ANY = st.text(max_size=20)


@given(st.dictionaries(st.sampled_from(body.NAMES), ANY, min_size=len(body.NAMES)), ANY)
def test_the_json_of_a_body_stays_valid_whatever_is_filled_in(said: dict[str, str], token: str) -> None:
    template = '{"a": "{tag} by {who}: {text}", "b": ["${TOKEN}", 1, null, {"c": "{reason}"}], "d": "{other} $${x} {"}'
    made = json.loads(body.filled(template.replace("{other} ", ""), said, lambda name: token))
    assert made == {
        "a": f"{said['tag']} by {said['who']}: {said['text']}",
        "b": [token, 1, None, {"c": said["reason"]}],
        "d": "${x} {",
    }
