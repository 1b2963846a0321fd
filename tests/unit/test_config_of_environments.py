"""Roles, environments, variables and what an environment has of its own: what cannot work is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import Hook, parse
from core.errors import ConfigError
from core.settings import Settings

FILE = """
project = "shop"
source = { git = "." }
{deploy}
[environments.production]
{production}
servers = [
  { name = "web1", host = "web1", root = "/srv/shop", roles = ["web"] },
  { name = "jobs1", host = "jobs1", root = "/srv/shop", roles = ["worker"]{server} },
]
[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv/shop" }]
"""
HOOK = '[[hooks]]\non = "after-switch"\nrun = "true"\n'


def read(extra: str = "", **parts: str):
    text = FILE
    for name in ("deploy", "production", "server"):
        text = text.replace(f"{{{name}}}", parts.get(name, ""))
    return parse(text + extra, Path("turnout.toml"), Settings(environ={}))


@pytest.mark.parametrize(
    ("extra", "key", "said"),
    [
        (HOOK + 'roles = ["wep"]', "hooks[0].roles[0]", 'did you mean "web"?'),
        (
            HOOK + 'roles = ["web"]\nenvironments = ["staging"]',
            "hooks[0].roles",
            "no server of staging has the role web",
        ),
        (HOOK + 'environments = ["prod"]', "hooks[0].environments[0]", 'there is no environment "prod"'),
        (HOOK + 'where = "operator"\nroles = ["web"]', "hooks[0].roles", "the operator's machine has no roles"),
        (HOOK + 'operations = ["deploys"]', "hooks[0].operations[0]", 'did you mean "deploy"?'),
        (HOOK.replace("after-switch", "build") + 'operations = ["deploy"]', "hooks[0].operations", "part of the build"),
        ("[variables]\nTURNOUT_TAG = 'x'", "variables", "TURNOUT_TAG is set by Turnout"),
        ("[variables]\n'A-B' = 'x'", "variables", '"A-B" is not the name of a variable'),
        ("[variables]\n1A = 'x'", "variables", '"1A" is not the name of a variable'),
        ("[variables]\nPATH = '/bin'", "variables", "PATH has a meaning for the shell"),
        ("[variables]\nA = 1", "variables.A", "must be text in quotes, not a whole number"),
        ('[variables]\nA = "a\\u0000b"', "variables", "must not contain a zero byte"),
    ],
)
def test_what_cannot_work_is_refused(extra, key, said):
    with pytest.raises(ConfigError) as raised:
        read(extra)
    (fault,) = raised.value.faults
    assert fault.key == key
    assert said in f"{fault.message} {fault.hint}"


@pytest.mark.parametrize(
    ("part", "text", "key", "said"),
    [
        ("production", "keep = 0", "environments.production.keep", "must be 1 or more"),
        ("production", 'shared = ["a/", "a/b"]', "environments.production.shared[1]", '"a/b" lies inside "a"'),
        ("production", 'ref = "-x"', "environments.production.ref", "begins with '-'"),
        ("production", "variables = { TURNOUT_X = 'x' }", "environments.production.variables", "is set by Turnout"),
        ("server", ", variables = { 'a b' = 'x' }", "environments.production.servers[1].variables", "not the name"),
        (
            "deploy",
            '[deploy]\ncopy = "hardlink"\nshared = ["storage/"]\nwritable = ["storage/logs/", "cache/"]',
            "deploy.writable[1]",
            "is not possible with",
        ),
        ("deploy", '[deploy]\nwritable = ["/cache"]', "deploy.writable[0]", "must be relative"),
    ],
)
def test_what_an_environment_cannot_have_is_refused(part, text, key, said):
    with pytest.raises(ConfigError) as raised:
        read(**{part: text})
    (fault,) = raised.value.faults
    assert fault.key == key and said in fault.message


def test_only_a_git_source_has_a_ref_in_an_environment_too():
    text = FILE.replace('git = "."', 'directory = "dist"').replace("{production}", 'ref = "main"')
    with pytest.raises(ConfigError) as raised:
        parse(text.replace("{deploy}", "").replace("{server}", ""), Path("turnout.toml"), Settings(environ={}))
    assert [fault.key for fault in raised.value.faults] == ["environments.production.ref"]


def test_an_environment_sees_the_project_with_what_is_its_own():
    extra = HOOK + 'environments = ["staging"]\n' + HOOK + "[variables]\nA = 'project'\nB = 'project'\n"
    project = read(
        extra,
        deploy='[deploy]\nkeep = 5\nshared = ["a/"]\n',
        production='keep = 2\nshared = []\nref = "v1"\nexclude = ["x"]\nvariables = { A = "production" }',
    )
    production = project.in_environment(project.environment("production"))
    assert (production.deploy.keep, production.deploy.shared, len(production.hooks)) == (2, (), 1)
    assert (production.source.ref, production.source.exclude) == ("v1", ("x",))
    assert production.variables == {"A": "production", "B": "project"}
    staging = project.in_environment(project.environment("staging"))
    assert (staging.deploy.keep, staging.deploy.shared, len(staging.hooks)) == (5, ("a/",), 2)
    assert staging.source.ref == "HEAD" and staging.variables == {"A": "project", "B": "project"}
    assert staging.in_environment(project.environment("staging")) == staging


def test_a_promotion_is_a_deploy_and_a_recovery_what_it_ends():
    always, deploys = Hook(on="success", run="true"), Hook(on="success", run="true", operations=("deploy",))
    backs = Hook(on="success", run="true", operations=("rollback",))
    for carries, runs in (("deploy", deploys), ("promote", deploys), ("rollback", backs)):
        assert [hook for hook in (always, deploys, backs) if hook.runs_in(carries)] == [always, runs]
