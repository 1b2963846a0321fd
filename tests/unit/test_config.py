"""turnout.toml becomes models: the values that are right, in their one form."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.config import Environment, Hook, Project, Server, Source, find, load, parse, select
from core.config.table import Wrong
from core.errors import UsageError
from core.masking import is_secret
from core.settings import Settings

FILE = Path("/project/turnout.toml")
WHOLE = """
project = "shop"
[source]
git = "."
ref = "main"
exclude = ["/docs", "*.map"]
build = ["npm ci", "npm run build"]
publish = "./dist/"
[deploy]
keep = 3
shared = ["storage//logs/", "./.env"]
copy = "hardlink"
[environments.staging]
servers = [{ name = "stage", host = "stage", root = "/srv//shop/./" }]
[environments.production]
protected = true
strategy = "rolling"
batch = "25%"
servers = [
  { name = "web1", host = "deploy@web1.example.com", root = "/srv/shop", identity = "~/.ssh/deploy" },
  { name = "web2", host = "2001:db8::2", root = "/srv/shop", port = 2222, user = "deploy", gateway = "ops@b:22" },
]
[[hooks]]
on = "prepare"
run = "composer install"
timeout = "5m"
[[hooks]]
on = "build"
run = "make"
[[hooks]]
on = "success"
webhook = "https://chat.example.com/${TOKEN}"
[[checks]]
http = "http://127.0.0.1:8080/healthz"
contains = "{revision}"
interval = "500ms"
[[checks]]
run = "systemctl is-active shop"
"""


def project(text: str = WHOLE, **environ: str) -> Project:
    return parse(text, FILE, Settings(environ={"TOKEN": "s3cr3t-token", **environ}))


def test_a_whole_file_is_read_with_every_value_in_its_one_form():
    shop = project()
    assert shop.source.publish == "dist"
    assert shop.deploy.shared == ("storage/logs/", ".env")
    assert (shop.deploy.keep, shop.deploy.copy_mode) == (3, "hardlink")
    assert [server.root for server in shop.environments["staging"].servers] == ["/srv/shop"]
    production = shop.environment("production")
    assert (production.name, production.protected, production.strategy, production.batch) == (
        "production",
        True,
        "rolling",
        "25%",
    )
    assert production.servers[1].host == "2001:db8::2"
    assert [hook.timeout for hook in shop.hooks] == [300.0, 300.0, 300.0]
    assert shop.checks[0].interval == 0.5
    assert (shop.path, shop.folder) == (FILE, FILE.parent)


def test_build_hooks_and_webhooks_are_the_operators():
    assert [hook.where for hook in project().hooks] == ["server", "operator", "operator"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [('"500ms"', 0.5), ('"90s"', 90), ('"5m"', 300), ('"1h"', 3600), ('"1.5s"', 1.5), ("7", 7), ("0.25", 0.25)],
)
def test_durations(written: str, seconds: float):
    assert project(WHOLE.replace('"5m"', written)).hooks[0].timeout == seconds


def test_variables_are_filled_in_any_text_and_a_doubled_dollar_keeps_them_out():
    text = WHOLE.replace('"make"', '"echo $${TOKEN} $TOKEN $$ ${A}${B}"').replace('"npm ci"', '"${A}"')
    shop = project(text, A="one", B="two")
    assert shop.hooks[1].run == "echo ${TOKEN} $TOKEN $$ onetwo"
    assert shop.source.build[0] == "one"
    assert shop.hooks[2].webhook == "https://chat.example.com/s3cr3t-token"
    assert shop.keeper.mask.secrets == {"one", "two", "s3cr3t-token"}


def test_what_a_variable_holds_is_not_filled_again():
    assert project(TOKEN="${HOME}").hooks[2].webhook == "https://chat.example.com/${HOME}"


def test_secrets_are_masked_longest_first_and_line_by_line():
    text = WHOLE.replace('"make"', '"x ${KEY} ${LONG} ${SHORT} ${EMPTY}"')
    shop = project(text, KEY="BEGIN\nabcdef\nEND", LONG="s3cr3t-token-and-more", SHORT="yes", EMPTY="")
    assert shop.mask("is s3cr3t-token-and-more, s3cr3t-token.") == "is ***, ***."
    assert shop.mask("out: abcdef") == "out: ***"
    assert shop.mask("yes, the END") == "yes, the END"
    assert project(WHOLE.replace("${TOKEN}", "x")).mask("s3cr3t-token") == "s3cr3t-token"


def test_secrets_and_webhooks_stay_out_of_a_projects_representation():
    shop = project()
    assert "s3cr3t-token" in shop.keeper.mask.secrets and "s3cr3t" in str(shop.hooks[2].webhook)
    for shown in (repr(shop), repr(shop.__rich_repr__()), repr(shop.hooks[2].__rich_repr__())):
        assert "s3cr3t" not in shown


def test_an_environment_is_found_by_name_and_a_misspelt_one_is_named():
    shop = project()
    assert shop.environment("staging").name == "staging"
    with pytest.raises(UsageError) as refused:
        shop.environment("prodution")
    assert "prodution" in refused.value.title
    assert refused.value.detail == "known: staging, production"
    assert refused.value.hint == 'did you mean "production"?'


def test_servers_are_selected_in_the_order_of_the_environment():
    production = project().environment("production")
    assert [server.name for server in select(production, [])] == ["web1", "web2"]
    assert [server.name for server in select(production, ["web2", "web1", "web2"])] == ["web1", "web2"]
    assert [server.name for server in select(production, ("web2",))] == ["web2"]
    with pytest.raises(UsageError, match='no server "wbe1" in production') as refused:
        select(production, ["web2", "wbe1"])
    assert refused.value.hint == 'did you mean "web1"?'
    assert refused.value.exit_code == 2


def test_servers_are_selected_by_role_beside_their_names():
    two = WHOLE.replace('"~/.ssh/deploy" }', '"~/.ssh/deploy", roles = ["web", "worker"] }')
    production = project(two.replace('gateway = "ops@b:22"', 'roles = ["web"]')).environment("production")
    assert production.roles == ("web", "worker")
    assert [server.name for server in select(production, [], ["worker"])] == ["web1"]
    assert [server.name for server in select(production, ["web2"], ["web", "worker"])] == ["web2"]
    with pytest.raises(UsageError, match="none of these servers has the role worker: web2"):
        select(production, ["web2"], ["worker"])
    with pytest.raises(UsageError, match='no role "wrker" in production') as refused:
        select(production, [], ["wrker"])
    assert refused.value.hint == 'did you mean "worker"?'
    with pytest.raises(UsageError, match='no role "web" in staging') as refused:
        select(project().environment("staging"), [], ["web"])
    assert refused.value.detail == "no role is defined there"


def test_find_goes_up_past_folders_of_that_name_and_gives_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "a" / "turnout.toml").mkdir()
    (tmp_path / "turnout.toml").write_text(WHOLE)
    assert find(deep) == tmp_path / "turnout.toml"
    monkeypatch.chdir(deep)
    assert find(Path()) == tmp_path / "turnout.toml"
    (deep / "turnout.toml").write_text(WHOLE)
    assert find(Path()) == deep / "turnout.toml"


def test_a_file_is_loaded_with_the_path_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("turnout.toml").write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    shop = load(Path("turnout.toml"), Settings(environ={**os.environ, "TOKEN": "s3cr3t-token"}))
    assert shop.path == tmp_path / "turnout.toml"
    assert shop.source.ref == "main"


def test_models_made_in_code_hold_to_the_same_rules():
    server = Server(name="web1", host="web1", root="/srv/shop/")
    assert server.root == "/srv/shop"
    environment = Environment(name="production", servers=(server,))
    made = Project(project="shop", source=Source(git="."), environments={"production": environment}, path=FILE)
    assert made.environment("production").servers == (server,)
    with pytest.raises(Wrong, match="cannot be combined"):
        Source(git=".", directory="dist")
    with pytest.raises(Wrong, match="same host, port and root"):
        Environment(name="x", servers=(server, server.replace(name="web2")))
    with pytest.raises(Wrong, match='needs "run" or "webhook"'):
        Hook(on="prepare")
    with pytest.raises(Wrong, match="prot: unknown key"):
        Server(name="web1", host="web1", root="/srv/shop", prot=22)  # type: ignore[call-arg]
    assert Server(name="web1", host="deploy@web1", root="/srv/shop", user=None).user is None
    with pytest.raises(AttributeError, match="immutable"):
        server.root = "/"  # type: ignore[misc]


@given(st.text().filter(lambda text: text.isprintable() and text.strip()))
@example("shop")
def test_any_value_of_a_variable_arrives_as_it_is(value: str):
    shop = project(WHOLE.replace('"make"', '"a ${V} b"'), V=value)
    assert shop.hooks[1].run == f"a {value} b"
    if value in shop.names:  # a secret that is one of them hides nothing, and screens need it
        assert shop.mask(f"<{value}>") == f"<{value}>"
    elif is_secret(value):
        assert shop.mask(f"<{value}>") == "<***>"
