"""Configuration that cannot work is refused at once: the key, what is wrong with it, and what would be right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core.config import parse, values
from core.config.told import asked
from core.config.variables import variables
from core.errors import ConfigError
from core.settings import Settings
from core.sshconfig.options import Target

FILE = """
project = "shop"
{top}
[source]
git = "{git}"
{source}
[deploy]
{deploy}
[environments.production]
{production}
servers = [
  {{ name = "web1", host = "web1", root = "/srv/shop", roles = ["web"]{server} }},
  {{ name = "web2", host = "web2", root = "/srv/shop" }},
]
[environments.staging]
{staging}
{servers}
"""
USUAL = {
    **dict.fromkeys(("top", "source", "deploy", "production", "server", "staging"), ""),
    "git": ".",
    "servers": 'servers = [{ name = "s1", host = "s1", root = "/srv/shop", roles = ["db"] }]',
}
ON = 'servers = [{{ name = "s1", host = "{host}", root = "{root}" }}]'
PORTED = 'servers = [{ name = "s1", host = "s1", root = "/srv/shop", port = 2222 }]'
HTTP = '[[checks]]\nhttp = "http://127.0.0.1/"\n'
LOG = '[[checks]]\nlog = "/var/log/access.log"\n'
RUN = '[[checks]]\nrun = "true"\n'
HOOK = '[[hooks]]\non = "after-switch"\nrun = "true"\n'
SLOTS = "slots = { blue = 8001, green = 8002 }"
PORT = '[[checks]]\nhttp = "http://127.0.0.1:{port}/"\n'
BAKE = 'bake = "5m"'


def read(extra: str = "", **parts: str):
    own = {"servers": ""} if "servers =" in parts.get("staging", "") else {}
    text = FILE.format(**USUAL | own | parts)
    return parse(text + extra, Path("turnout.toml"), Settings(environ={}))


def case(key: str, said: str, extra: str = "", **parts: str):
    return pytest.param(key, said, extra, parts, id=f"{key}: {said}")


CANNOT_WORK = [
    # What bakes.
    case("checks[1].bake", "must be more than 0 for a log", RUN + LOG + "bake = 0", production=BAKE, staging=BAKE),
    case("checks[0].bake", "must be more than 0 for a log", LOG + 'bake = "0s"'),
    case("checks[0]", "`bake` is missing", LOG, production='bake = "0s"'),
    case("checks[0]", "`bake` is missing", LOG + 'roles = ["db"]', production=""),
    case("environments.production.bake", "each check here has a `bake` of its own", RUN + "bake = 0", production=BAKE),
    case("environments.production.bake", "no check after the switch", RUN + 'roles = ["db"]', production=BAKE),
    case("checks[0].interval", "is longer than it bakes, 1.0 s", LOG + 'bake = "1s"\ninterval = "5m"'),
    case(
        "checks[0].interval",
        "is longer than it bakes, 30 s",
        LOG + 'environments = ["staging"]\ninterval = "1m"',
        staging='bake = "30s"',
    ),
    # Slots and their ports.
    case("checks[0].http", "has {port}, and the environment staging has no slots", PORT, production=SLOTS),
    case("checks[0].contains", "has {port}, and the environment", HTTP + 'contains = "{port}"\nroles = ["db"]'),
    case("checks[0].equals", "has {port}", HTTP + 'json = "a"\nequals = "{port}"\nroles = ["db"]'),
    case(
        "checks[0].http",
        "must have {port} as its whole port",
        '[[checks]]\nhttp = "http://x:1{port}/"',
        production=SLOTS,
        staging=SLOTS,
    ),
    case(
        "checks[0].http",
        "must have {port} as its whole port",
        '[[checks]]\nhttp = "http://x{port}/"',
        production=SLOTS,
        staging=SLOTS,
    ),
    case("checks[0].http", "has {slot}, which nothing replaces", '[[checks]]\nhttp = "http://x/{slot}"'),
    case("checks[0].host", "nothing is replaced in it", HTTP + 'host = "x:{port}"'),
    case(
        "hooks[0].run",
        "uses $TURNOUT_PORT, and production and staging has no slots",
        HOOK.replace("true", "start $TURNOUT_PORT"),
    ),
    case(
        "hooks[0].run",
        "uses $TURNOUT_SLOT, and staging has no slots",
        HOOK.replace("true", "start $${TURNOUT_SLOT}") + 'environments = ["staging"]\n' + RUN,
        production=SLOTS,
    ),
    case("environments.production.slots", "are told to nobody", HOOK + 'environments = ["staging"]', production=SLOTS),
    case("environments.production.slots", "no hook or check that runs on a server", HTTP, production=SLOTS),
    case(
        "environments.production.slots",
        "are told to nobody",
        HOOK + 'where = "operator"\n[[hooks]]\non = "before-switch"\nwebhook = "http://x/"\n',
        production=SLOTS,
    ),
    case(
        "environments.production.slots.blue",
        "at which sshd of web1 listens",
        HOOK,
        production="slots = { blue = 22, green = 8002 }",
    ),
    case(
        "environments.production.slots.green",
        "at which sshd of web1 listens",
        HOOK,
        production="slots = { blue = 8001, green = 8022 }",
        server=", port = 8022",
        staging="",
    ),
    case(
        "environments.staging.slots",
        "are the ports of production on ana@WEB1 too",
        HOOK,
        production=SLOTS,
        staging="slots = { a = 8002, b = 8001 }\n" + ON.format(host="ana@WEB1", root="/srv/staging"),
    ),
    # What commands are told.
    case(
        "hooks[0].run",
        "there is no variable $TURNOUT_SEVER did you mean $TURNOUT_SERVER?",
        HOOK.replace("true", "echo $TURNOUT_SEVER"),
    ),
    case(
        "hooks[0].run",
        "$TURNOUT_SERVERS has all of them",
        HOOK.replace("true", "lb off $TURNOUT_SERVER") + 'where = "operator"',
    ),
    case(
        "tasks[0].run",
        "$TURNOUT_ROOT is known on servers only",
        '[[tasks]]\nname = "t"\nrun = "ls $TURNOUT_ROOT"\nwhere = "operator"',
    ),
    case("checks[0].run", "did you mean $TURNOUT_TAG?", RUN.replace("true", "grep $TURNOUT_TAGS")),
    case("source.build[0]", "$TURNOUT_TAG is not known to a build", source='build = ["make TAG=$TURNOUT_TAG"]'),
    case(
        "hooks[0].run",
        "$TURNOUT_SERVER is not known to a build",
        HOOK.replace("after-switch", "build").replace("true", "echo $TURNOUT_SERVER"),
    ),
    # Checks.
    case("checks[0].method", "CONNECT asks a proxy", HTTP + 'method = "CONNECT"'),
    case("checks[0].status", "cannot be 1xx", HTTP + 'status = "1xx"'),
    case("checks[0].status", "cannot be 1xx", HTTP + "status = [100, 200]"),
    case("checks[0].status", '200 is one of "2xx" already', HTTP + 'status = ["2xx", 200]'),
    case("checks[0].contains", "is not possible with status 204", HTTP + 'status = 204\ncontains = "x"'),
    case("checks[0].json", "is not possible with status 204 or 304", HTTP + 'status = [204, 304]\njson = "a"'),
    case("checks[0].contains", "is not possible with HEAD", HTTP + 'method = "HEAD"\ncontains = "x"'),
    case("checks[0].over", "there is never more", LOG + 'bake = "1m"\nover = "100%"'),
    case("checks[0].status", "counts 200 as failures", LOG + 'bake = "1m"\nstatus = 200'),
    case("checks[0].http", "what follows it is never sent", '[[checks]]\nhttp = "http://x/#/login"'),
    # Hooks.
    case(
        "hooks[0].roles",
        "no server of production has the role db, and only there are batches",
        HOOK.replace("after-switch", "drain") + 'roles = ["db"]',
        production='strategy = "rolling"',
    ),
    case("hooks[0].operations[1]", "listed twice", HOOK + 'operations = ["deploy", "deploy"]'),
    case(
        "hooks[0].webhook",
        "has {tag}, which is replaced only in `body`",
        '[[hooks]]\non = "success"\nwebhook = "https://x/{tag}"',
    ),
    case(
        "hooks[0].timeout",
        "cannot be more than 10 s for a webhook",
        '[[hooks]]\non = "success"\nwebhook = "https://x/"\ntimeout = "1m"',
    ),
    # Environments and servers.
    case(
        "environments.production.approve",
        "with read-only = true",
        production='approve = "other"\nhold = true\nread-only = true',
    ),
    case("environments.production.canary", "is all of the 2 servers", production='strategy = "rolling"\ncanary = 2'),
    case("environments.production.canary", "is all of the 2", production='strategy = "rolling"\ncanary = "100%"'),
    case(
        "environments.production.canary",
        "there are 2 servers canary = 1",
        production='strategy = "rolling"\ncanary = 4',
    ),
    case(
        "environments.staging.canary",
        "there is 1 server leave it out",
        staging='strategy = "rolling"\ncanary = 2',
    ),
    case(
        "environments.staging.servers[0].host",
        "write ana@::1, and the port as `port = 22`",
        staging=ON.format(host="ana@[::1]:22", root="/srv/x"),
    ),
    case("environments.staging.servers[0].host", "write ::1", staging=ON.format(host="[::1]", root="/srv/x")),
    case("environments.production.servers[0].gateway", "no valid port", server=', gateway = "[::1]:x"'),
    case(
        "environments.production.freeze",
        "lasts for more than a year",
        production='freeze = ["2020-01-01 00:00 - 2999-12-01 00:00 UTC"]',
    ),
    case(
        "environments.production.freeze[1]",
        "listed twice",
        production='freeze = ["Fri 16:00 - Mon 08:00 UTC", "Fri 16:00 - Mon 08:00 UTC"]',
    ),
    case("environments.production.links[1]", "listed twice", production='links = ["/var/www/a", "/var/www//a"]'),
    case("environments.production.servers[0].identity", "is the public key", server=', identity = "~/.ssh/id.pub"'),
    case("environments.production.servers[0].gateway", "is the server itself", server=', gateway = "web1"'),
    case("environments.production.allow-failed", "less than one of the 2 servers", production='allow-failed = "5%"'),
    case("environments.staging.servers[0].root", "is the system's", staging=ON.format(host="x", root="/var")),
    case(
        "environments.staging.servers[0].root",
        "is the deploy root of production, web1 too",
        staging=ON.format(host="ana@web1", root="/srv/shop/"),
    ),
    case(
        "environments.staging.servers[0].root",
        "lies inside the deploy root of production, web1, /srv/shop",
        staging=ON.format(host="web1", root="/srv/shop/staging"),
    ),
    case(
        "environments.staging.servers[0].root",
        "holds the deploy root of production, web1, /srv/shop",
        staging=ON.format(host="web1", root="/srv"),
    ),
    case(
        "environments.staging.current",
        "cannot be a link there: the deploy root is /srv/x",
        staging='current = "/srv/x/releases/a"\n' + ON.format(host="x", root="/srv/x"),
    ),
    case(
        "hooks[0].as",
        "closed to other users than root",
        HOOK.replace("after-switch", "prepare") + 'as = "www-data"',
    ),
    case("environments.staging.servers[0].root", "is the system's", staging=ON.format(host="x", root="/usr/bin/")),
    case("environments.staging.servers[0].root", "is the system's", staging=ON.format(host="x", root="/usr/local")),
    case("environments.staging.servers[0].root", "is the system's", staging=ON.format(host="x", root="/etc/nginx")),
    case("environments.staging.servers[0].root", "is the system's", staging=ON.format(host="x", root="/proc/1/root")),
    case("environments.staging.servers[0].root", "has $USER", staging=ON.format(host="x", root="/home/$USER/shop")),
    case(
        "environments.staging.servers[0].root",
        "has app-${USER}, and no shell reads it",
        staging=ON.format(host="x", root="/srv/app-$${USER}"),
    ),
    case("environments.staging.servers[0].root", "has ~", staging=ON.format(host="x", root="/home/~/shop")),
    case("environments.staging.links[0]", "is that folder", staging='links = ["/srv/shop/"]'),
    case("environments.staging.links[1]", "lies in it", staging='links = ["/var/www", "/srv"]'),
    case(
        "environments.production.servers[0].links[0]",
        "the deploy root /srv/shop is that folder",
        server=', links = ["/srv/shop"]',
    ),
    # The source and the store.
    case("source.build-env", "there are none", source='build-env = ["A"]'),
    case("source.build-tools", "there are none", source='build-tools = ["node"]'),
    case("source.ref", "is a range of commits", source='ref = "v1..v2"'),
    case("source.ref", "no space after 'tag:'", source='ref = "tag: v*"'),
    case("source.git", "must not be the root", git="/"),
    case("checks[0].log", "is compressed", '[[checks]]\nlog = "/var/log/a.log.1.gz"\nbake = "1m"'),
    case("store.expires", "from a folder of this machine", '[store]\nurl = "file:///srv/x"\nexpires = "5m"'),
    case("store.allow-http", "is only for an endpoint", '[store]\nurl = "s3://shop"\nallow-http = true'),
    # What is deployed, and what verify looks at.
    case("deploy.generated[0]", '"*" matches everything', deploy='generated = ["*"]'),
    case("deploy.generated[1]", '"**/*" matches everything', deploy='generated = ["a/", "**/*"]'),
    case("deploy.generated[0]", "without '..'", deploy='generated = ["../x/"]'),
    case("deploy.generated[0]", "matches nothing", deploy='generated = ["/"]'),
    case("deploy.generated[0]", "brings back what no pattern before it", deploy='generated = ["!x", "a/"]'),
    case("deploy.generated[0]", "is a comment to git", deploy='generated = ["#cache/"]'),
    case("deploy.generated[1]", "listed twice", deploy='generated = ["a/", "a/"]'),
    case("deploy.migrations[0]", "every new file would be one", deploy='migrations = ["**"]'),
    case("source.exclude[0]", "nothing would be deployed", source='exclude = ["/*"]'),
    case("source.exclude[0]", "without '.'", source='exclude = ["./docs"]'),
    case("environments.staging.exclude[0]", "nothing would be deployed", staging='exclude = ["*"]'),
    case("source.build-env[1]", "listed twice", source='build = ["make"]\nbuild-env = ["A", "A"]'),
    case("deploy.writable[0]", "must be a path, not a pattern", deploy='writable = ["storage/*"]'),
    case("deploy.shared[0]", "must be a path, not a pattern", deploy='shared = ["storage/*.log"]'),
    case("deploy.writable[1]", "listed twice", deploy='writable = ["a/", "a//"]'),
    case("logs[0].file", "listed twice", '[[logs]]\nname = "a"\nfile = ["x", "x"]'),
]


@pytest.mark.parametrize(("key", "said", "extra", "parts"), CANNOT_WORK)
def test_it_is_refused_with_its_key(key, said, extra, parts):
    with pytest.raises(ConfigError) as raised:
        read(extra, **parts)
    (fault,) = raised.value.faults
    assert fault.key == key
    assert said in f"{fault.message} {fault.hint}".strip()


HEADER = "[environments.production]\ncurrent = '/var/www/html'"
OTHER = "[environments.other]\nservers = [{ name = 'x', host = 'ana@WEB1', root = '/o', current = '/var/www/html/' }]"


def test_two_roots_of_a_host_do_not_switch_the_same_link():
    text = FILE.format(**USUAL).replace("[environments.production]", HEADER)
    with pytest.raises(ConfigError) as raised:
        parse(text + OTHER, Path("turnout.toml"), Settings(environ={}))
    (fault,) = raised.value.faults
    assert fault.key == "environments.other.servers[0].current"
    assert "is the link of /srv/shop on ana@WEB1 already" in fault.message


def test_all_faults_of_a_file_are_said_at_once():
    with pytest.raises(ConfigError) as raised:
        read(LOG + "bake = 0\n" + HTTP + 'status = 204\njson = "a"\n', deploy='generated = ["*"]')
    assert [fault.key for fault in raised.value.faults] == ["deploy.generated[0]", "checks[0].bake", "checks[1].json"]


CAN_WORK = [
    ("", {"staging": ON.format(host="web1", root="/srv/shop-staging")}),
    (
        "",
        {
            "staging": ON.format(host="web1", root="/var/shop")
            + '\ncurrent = "/var/shop/live"\nref = "HEAD@{1.day.ago}"'
        },
    ),
    (HOOK.replace("after-switch", "prepare") + 'as = "root"', {}),
    (HOOK.replace("after-switch", "prepare") + 'as = "a"', {"production": 'group = "web"', "staging": 'become = "a"'}),
    (HOOK.replace("after-switch", "build"), {"source": 'build-env = ["A"]'}),
    (LOG, {"production": BAKE, "staging": BAKE}),
    (LOG + 'bake = "3s"', {}),
    (LOG + 'roles = ["db"]', {"staging": BAKE}),  # no server of production is meant
    (RUN + "bake = 0\n" + RUN, {"production": BAKE}),
    (PORT + 'roles = ["db"]', {"staging": SLOTS}),
    (
        '[[checks]]\nhttp = "https://{tag}.example.com:{port}/{port}?r={revision}"',
        {"production": SLOTS, "staging": SLOTS},
    ),
    (HTTP + 'contains = \'{"slot": "{tag}"}\'\nhost = "[::1]:8080"\nstatus = [200, 204]', {}),
    (HTTP + 'status = ["4xx", 503]\nmethod = "OPTIONS"', {}),
    (LOG + 'bake = "1m"\nstatus = [101, "4xx"]\nover = "99.9%"', {}),
    (HOOK.replace("true", "start $${TURNOUT_PORT:-8080}; TURNOUT_X=1; echo $TURNOUT_X"), {}),
    (HOOK.replace("true", "curl -w '%{port}' http://x/ -d '{\\\"port\\\": 1}'; jq '{tag}'"), {}),
    (HOOK.replace("true", "start $TURNOUT_PORT"), {"production": SLOTS}),
    (HOOK.replace("true", "echo $TURNOUT_USER") + 'where = "operator"', {}),
    (HOOK.replace("after-switch", "drain"), {"production": 'strategy = "rolling"\npause = "2m"'}),
    ("", {"production": 'strategy = "rolling"\ncanary = 1\nbatch = "100%"\npause = "hold"'}),
    ("", {"production": 'strategy = "rolling"\nbatch = "100%"\npause = "2m"'}),  # a copy of a larger one
    ("", {"production": 'strategy = "rolling"\nbatch = 5\npause = "hold"'}),
    ("", {"staging": ON.format(host="x", root="/etc/shop"), "production": 'links = ["/srv/shop-link"]'}),
    ("", {"staging": ON.format(host="x", root="/usr/local/shop") + '\nlinks = ["/usr/local/shop/live"]'}),
    (HOOK.replace("true", "bin/start"), {"production": SLOTS}),  # what it runs may read the variables
    (RUN, {"production": SLOTS, "staging": "slots = { a = 22, b = 23 }\n" + PORTED}),
    (HOOK, {"production": SLOTS, "staging": "slots = { a = 8001, b = 9 }\n" + ON.format(host="web1", root="/srv/b")}),
    (HOOK, {"production": SLOTS, "staging": SLOTS}),  # on another machine
    (HOOK.replace("after-switch", "after-rollback") + 'operations = ["deploy"]', {}),  # after a deploy that failed
    ("", {"staging": 'strategy = "rolling"\ncanary = 1\npause = "2m"\nallow-failed = "5%"'}),  # a copy of a larger one
    ("", {"source": 'exclude = ["/*", "!/dist"]\nbuild = ["make", "make"]'}),
    ("", {"deploy": 'generated = ["*.pyc", "**/cache/*", "\\\\#x", "a/**"]'}),
    ("", {"production": 'current = "/var/www/html"'}),  # one link a server
    ("", {"production": 'freeze = ["Fri 16:00 - Mon 08:00 UTC"]\nread-only = true\nhold = true'}),
]


OF_ITS_OWN = [
    "TURNOUT_S3=x; echo $TURNOUT_S3",
    "echo $TURNOUT_S3 $TURNOUT_PORT2 $TURNOUT_HOOK_URL",  # the server may have them
    "TURNOUT_TAGS=a; echo $TURNOUT_TAGS",
    "for TURNOUT_SEVER in a b; do echo $TURNOUT_SEVER; done",
    "read TURNOUT_TAGS < x; echo $TURNOUT_TAGS",
    ": ${TURNOUT_SLOTS:=1}; echo $TURNOUT_SLOTS",
    ". /etc/shop.env; echo $TURNOUT_SEVER",
    "cd /x && source ./env && echo $TURNOUT_SEVER",
    "if . ./env; then echo $TURNOUT_SEVER; fi",
    'eval "$(cat env)"\necho $TURNOUT_SEVER',
    "export $(grep -v x .env | xargs); echo $TURNOUT_SEVER",
    "echo \\$TURNOUT_PORT",
    'ssh other "echo \\$TURNOUT_PORT"',
    "true # not $TURNOUT_PORT",
    "# it isn't\ntrue '$TURNOUT_PORT'",
    "awk '{ print $TURNOUT_PORT }' x",
    """echo "$(jq -n '$TURNOUT_PORT')" """,
    'if [ -n "$TURNOUT_SLOT" ]; then start $TURNOUT_PORT; fi',
    'test -z "$TURNOUT_PORT" || start "$TURNOUT_PORT"',
    "case $TURNOUT_SLOT in blue) start;; esac",
    "start ${TURNOUT_PORT:-80}; echo $TURNOUT_PORT",
    "cat <<'E'\n$TURNOUT_PORT\nE",
    """python3 -c "port = 80; f'http://127.0.0.1:{port}/'" """,
    "sed s#https://cdn/{revision}/#https://cdn/x/# a",
    "grep 'https://api/items/{tag}' a",
    "echo 'redir https://cdn/{tag}/x' > Caddyfile",
]


@pytest.mark.parametrize("command", OF_ITS_OWN)
def test_a_command_has_what_shells_and_programs_can_read(command):
    filled = command.replace("${", "$${")
    read(f"[[hooks]]\non = 'after-switch'\nrun = {json.dumps(filled)}\n")


@pytest.mark.parametrize(
    ("command", "asks"),
    [
        ('cd x && start "$TURNOUT_PORT"', ("TURNOUT_PORT",)),
        ('echo "it\\"s ${TURNOUT_SEVER}" # $TURNOUT_TAG', ("TURNOUT_SEVER",)),
        ("export PORT=$TURNOUT_PORT; echo '$TURNOUT_ROOT' $TURNOUT_TAGS", ("TURNOUT_PORT", "TURNOUT_TAGS")),
        ("docker build -t shop:$TURNOUT_TAG . && true", ("TURNOUT_TAG",)),
        (7, ()),
    ],
)
def test_what_a_command_needs_from_turnout(command, asks):
    assert asked(command) == asks


def test_a_build_has_the_variables_of_build_env():
    names = '["echo $TURNOUT_BUILD $TURNOUT_TAG", "echo $TURNOUT_OTHER"]'
    read(source=f'build = {names}\nbuild-env = ["TURNOUT_BUILD", "TURNOUT_TAG"]')
    read(
        HOOK.replace("after-switch", "build").replace("true", "echo $TURNOUT_ROOT"), source='build-env = ["TURNOUT_*"]'
    )


def test_a_server_on_the_operators_machine_can_be_one_of_a_loop():
    loop = "for TURNOUT_SERVER in $TURNOUT_SERVERS; do lb off $TURNOUT_SERVER; done"
    read(HOOK.replace("true", loop) + 'where = "operator"')


def test_a_command_of_a_secret_may_have_words_in_braces():
    read("""[secrets.A]\nrun = "curl 'https://vault/{tag}'"\n""")


@pytest.mark.parametrize("host", ["web1.", "web1.example.com.", "ana@corp.example@web1", "::1", "ana@::1"])
def test_an_address_is_what_ssh_takes(host):
    assert values.host(host) == host


@pytest.mark.parametrize("gateway", ["[::1]:22", "ana@[::1]:22", "[::1]", "::1", "ana@corp.example@b:22"])
def test_a_gateway_is_what_ssh_takes(gateway):
    assert values.gateway(gateway) == gateway
    assert Target.of(gateway).host in ("::1", "b")


@pytest.mark.parametrize("wrong", ["..", "web1..", "@web1", "ana@@web1", "[::1", "[web1]:22", "[]"])
def test_other_addresses_are_refused(wrong):
    for reads in (values.host, values.gateway):
        with pytest.raises(ValueError):
            reads(wrong)


@pytest.mark.parametrize(("extra", "parts"), CAN_WORK)
def test_what_is_unusual_and_works_is_accepted(extra, parts):
    read(extra, **parts)


SHELLS = {"bash": [], "dash": [], "busybox": ["sh"]}
ASK = """
for n in $names; do
  ( unset a; export "$n=x7" && [ "$(command -p env | sed -n "s/^$n=//p")" = x7 ] ) || echo "$n"
done
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_shell_sets_itself_cannot_be_a_variable(shell):
    """Each shell of this machine is asked: what it has from the start, and does not hand on as it is told."""
    program = shutil.which(shell)
    if not program:
        pytest.skip(f"{shell} is not here")
    clean = {"PATH": os.defpath, "HOME": "/", "LC_ALL": "C"}

    def ask(text: str, **more: str) -> list[str]:
        words = [program, *SHELLS[shell], "-c", text]
        return subprocess.run(words, env={**clean, **more}, capture_output=True, text=True).stdout.split("\n")

    names = [line.partition("=")[0] for line in ask("set") if line.partition("=")[0].isidentifier()]
    assert len(names) > 3
    kept = [name for name in ask(ASK, names=" ".join(names)) if name and name not in ("names", "LC_ALL")]
    for name in kept:
        with pytest.raises(ValueError, match=f"^{name} "):
            variables({name: "x7"})


@pytest.mark.parametrize("name", ["OPTIND", "BASH_VERSINFO", "UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "GROUPS"])
def test_names_that_end_a_shell_or_never_arrive_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} "):
        variables({name: "1"})


def test_names_that_programs_use_are_variables():
    names = ("COLUMNS", "LD_PRELOAD", "TZ", "USERNAME", "PS4", "status", "version", "CDPATH")
    assert variables(dict.fromkeys(names, "1"))
