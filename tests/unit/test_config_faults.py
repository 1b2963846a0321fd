"""Every fault of a turnout.toml is told at once, with file, key and what would be right."""

from pathlib import Path

import pytest

from core.config import load, parse
from core.errors import ConfigError, Fault
from core.settings import Settings

FILE = Path("turnout.toml")
GOOD = """\
project = "shop"
[source]
git = "."
[deploy]
keep = 10
shared = ["storage/"]
[environments.production]
servers = [
  { name = "web1", host = "deploy@web1", root = "/srv/shop" },
  { name = "web2", host = "deploy@web2", root = "/srv/shop", port = 2222 },
]
[[hooks]]
on = "prepare"
run = "make"
[[checks]]
http = "http://127.0.0.1/"
"""
SERVERS = "environments.production.servers"
HOOK, CHECK = "hooks[0]", "checks[0]"


def faults_of(text: str, **environ: str) -> list[Fault]:
    with pytest.raises(ConfigError) as refused:
        parse(text, FILE, Settings(environ=environ))
    assert refused.value.exit_code == 2
    return refused.value.faults


CASES = [
    # names
    ('"shop"', '"my shop"', "project", '"my shop" is not a valid name', ""),
    ('"shop"', '"-shop"', "project", '"-shop" is not a valid name', ""),
    ('"shop"', '""', "project", '"" is not a valid name', ""),
    ("[environments.production]", '[environments."a b"]', 'environments."a b"', '"a b" is not a valid name', ""),
    ('"web2", host', '"web1", host', f"{SERVERS}[1].name", '"web1" is already the name of servers[0]', ""),
    ('"web2", host', '"a/b", host', f"{SERVERS}[1].name", '"a/b" is not a valid name', ""),
    # misspelt, unknown, missing and reserved keys
    ('project = "shop"\n', "", "project", "is missing", ""),
    ("project =", "projekt =", "projekt", "unknown key", 'did you mean "project"?'),
    ("keep =", "kep =", "deploy.kep", "unknown key", 'did you mean "keep"?'),
    ("keep =", "Keep =", "deploy.Keep", "unknown key", 'did you mean "keep"?'),
    ("keep = 10", "keep = 10\nxyz = 1", "deploy.xyz", "unknown key", "known keys: keep, shared, copy"),
    ("keep = 10", 'copy_mode = "auto"', "deploy.copy_mode", "unknown key", 'did you mean "copy"?'),
    ("[source]", "[sorce]", "sorce", "unknown key", 'did you mean "source"?'),
    ("[environments.", "[enviroments.", "enviroments", "unknown key", 'did you mean "environments"?'),
    ('"web2", host', '"web2", hots', f"{SERVERS}[1].hots", "unknown key", 'did you mean "host"?'),
    ("run =", "rnu =", f"{HOOK}.rnu", "unknown key", 'did you mean "run"?'),
    ("http =", "htp =", f"{CHECK}.htp", "unknown key", 'did you mean "http"?'),
    ("[source]", 'path = "x"\n[source]', "path", "unknown key", "known keys: project"),
    ("[source]", "keeper = []\n[source]", "keeper", "unknown key", ""),
    ("servers =", 'name = "x"\nservers =', "environments.production.name", "unknown key", ""),
    (', root = "/srv/shop", port', ", port", f"{SERVERS}[1].root", "is missing", ""),
    ('on = "prepare"\n', "", f"{HOOK}.on", "is missing", ""),
    # tasks
    (
        "[[checks]]",
        '[[tasks]]\nname = "a"\nrun = "x"\n[[tasks]]\nname = "a"\nrun = "y"\n[[checks]]',
        "tasks[1].name",
        '"a" is already the name of tasks[0]',
        "",
    ),
    (
        "[[checks]]",
        '[[tasks]]\nname = "a"\nrun = "x"\nwhere = "operator"\nroles = []\n[[checks]]',
        "tasks[0].roles",
        "cannot choose servers: the task runs on the operator's machine",
        "leave it out",
    ),
    (
        "[[checks]]",
        '[[tasks]]\nname = "a"\nrun = "x"\nroles = ["db"]\n[[checks]]',
        "tasks[0].roles[0]",
        'there is no role "db"',
        "",
    ),
    # types
    ("keep = 10", 'keep = "ten"', "deploy.keep", "must be a whole number, not text", ""),
    ("keep = 10", "keep = true", "deploy.keep", "must be a whole number, not true or false", ""),
    ("keep = 10", "keep = 1.5", "deploy.keep", "must be a whole number, not a number", ""),
    ("keep = 10", "keep = 2026-01-01", "deploy.keep", "must be a whole number, not a date or time", ""),
    ('"shop"', "7", "project", "must be text in quotes, not a whole number", ""),
    ('["storage/"]', '"storage/"', "deploy.shared", "must be a list", ""),
    (
        '["storage/"]',
        "[1]",
        "deploy.shared[0]",
        "must be text in quotes or a table with a path, not a whole number",
        "",
    ),
    ('["storage/"]', "[{}]", "deploy.shared[0].path", "is missing", ""),
    ('["storage/"]', '[{ path = "/etc" }]', "deploy.shared[0].path", "must be relative", ""),
    ('["storage/"]', '["a/", { path = "a" }]', "deploy.shared[1]", '"a" is listed twice', ""),
    ('["storage/"]', '[{ path = "a", requird = true }]', "deploy.shared[0].requird", "unknown key", "required"),
    ("servers =", "protected = 1\nservers =", "environments.production.protected", "must be true or false", ""),
    ("[[hooks]]", "[hooks]", "hooks", "must be a list of tables", "[[hooks]]"),
    ("[deploy]", "[[deploy]]", "deploy", "must be a table, not a list", ""),
    ("keep = 10", 'copy = "hardlnk"', "deploy.copy", "must be one of auto, hardlink", 'did you mean "hardlink"?'),
    ("keep = 10", "copy = 1", "deploy.copy", "must be one of auto, hardlink; a whole number is not", ""),
    ('"prepare"', '"after-swich"', f"{HOOK}.on", "must be one of build, prepare", 'did you mean "after-switch"?'),
    # source
    ('git = "."', "", "source", 'needs "git", "directory" or "archive"', ""),
    ('git = "."', 'git = "."\ndirectory = "d"', "source.directory", 'cannot be combined with "git"', ""),
    ('git = "."', 'archive = "a.tar"\nstrip = 101', "source.strip", "must be 100 or less, not 101", ""),
    *[
        ('git = "."', f'git = "{address}"', "source.git", "clone the repository, and give the clone's folder", "")
        for address in ("https://git.example.com/shop.git", "git@git.example.com:shop.git")
    ],
    ('git = "."', 'git = " "', "source.git", "must not be empty", ""),
    ('git = "."', 'directory = "d"\nref = "main"', "source.ref", "is only for a git source", ""),
    ('git = "."', 'git = "."\nref = "--all"', "source.ref", "begins with '-'", ""),
    ('git = "."', 'git = "."\nbuild = ["make", ""]', "source.build[1]", "must not be empty", ""),
    ('git = "."', 'git = "."\npublish = "../x"', "source.publish", "must not contain '..'", ""),
    ('git = "."', 'git = "."\npublish = "/x"', "source.publish", "must be relative", ""),
    ('git = "."', 'git = ".\\u0000"', "source.git", "must not contain control characters", ""),
    # deploy
    ("keep = 10", "keep = 0", "deploy.keep", "must be 1 or more, not 0", ""),
    ('["storage/"]', '["/etc"]', "deploy.shared[0]", "must be relative", ""),
    ('["storage/"]', '["a/../../b"]', "deploy.shared[0]", "must not contain '..'", ""),
    ('["storage/"]', '["./"]', "deploy.shared[0]", "must name a file or folder inside the release", ""),
    ('["storage/"]', '["a/", "./a"]', "deploy.shared[1]", '"./a" is listed twice', ""),
    ('["storage/"]', '["a/", "ab", "a/b"]', "deploy.shared[2]", '"a/b" lies inside "a"', ""),
    ('["storage/"]', '["a/b", "a"]', "deploy.shared[1]", '"a/b" lies inside "a"', ""),
    # servers
    ('"/srv/shop", port', '"srv/shop", port', f"{SERVERS}[1].root", "must be an absolute path", ""),
    ('"/srv/shop", port', '"~/shop", port', f"{SERVERS}[1].root", "'~' is not expanded", ""),
    ('"/srv/shop", port', '"//", port', f"{SERVERS}[1].root", "must not be the root of the file system", ""),
    ('"/srv/shop", port', '"/srv/../etc", port', f"{SERVERS}[1].root", "must not contain '..'", ""),
    ('"/srv/shop", port', '"/srv/a\\nb", port', f"{SERVERS}[1].root", "must not contain control characters", ""),
    ('"/srv/shop", port', '"/srv/shop", current = "-live", port', f"{SERVERS}[1].current", "begins with '-'", ""),
    ('"/srv/shop", port', '"/srv/shop", current = "./-live", port', f"{SERVERS}[1].current", "begins with '-'", ""),
    ('"/srv/shop", port', '"/srv/shop", current = "live/", port', f"{SERVERS}[1].current", "must name a link", ""),
    ('"/srv/shop", port', '"/srv/shop", current = ".", port', f"{SERVERS}[1].current", "must name a link", ""),
    (
        '"/srv/shop", port',
        '"/srv/shop", current = "releases/live", port',
        f"{SERVERS}[1].current",
        "is below releases",
        "",
    ),
    (
        '"/srv/shop", port',
        '"/srv/shop", current = "../live", port',
        f"{SERVERS}[1].current",
        "must not contain '..'",
        "",
    ),
    (
        '"/srv/shop", port',
        '"/srv/shop", current = "/", port',
        f"{SERVERS}[1].current",
        "must not be the root of the file system",
        "",
    ),
    ("port = 2222", "port = 70000", f"{SERVERS}[1].port", "must be 65535 or less, not 70000", ""),
    ("port = 2222", "port = 0", f"{SERVERS}[1].port", "must be 1 or more, not 0", ""),
    ("deploy@web2", "deploy@web2:22", f"{SERVERS}[1].host", "contains a port: write host and `port = 22`", ""),
    ("deploy@web2", "-oProxyCommand=x", f"{SERVERS}[1].host", "is not an address", ""),
    ("deploy@web2", "@web2", f"{SERVERS}[1].host", "is not a login name", ""),
    ("deploy@web2", "[::1]", f"{SERVERS}[1].host", "write ::1", ""),
    ("deploy@web2", "web 2", f"{SERVERS}[1].host", "must not contain white space", ""),
    ("port = 2222", 'user = "ana"', f"{SERVERS}[1].user", "cannot be combined with a user in `host`", ""),
    ('deploy@web2", root', 'web2", user = "-ana", root', f"{SERVERS}[1].user", '"-ana" is not a login name', ""),
    ("port = 2222", 'gateway = "ops@b:0"', f"{SERVERS}[1].gateway", "has no valid port", ""),
    ("port = 2222", 'identity = "keys/id"', f"{SERVERS}[1].identity", "must be an absolute path", ""),
    ("port = 2222", 'roles = ["my role"]', f"{SERVERS}[1].roles[0]", '"my role" is not a valid name', ""),
    ("port = 2222", 'roles = "web"', f"{SERVERS}[1].roles", "must be a list", ""),
    ("port = 2222", "roles = {}", f"{SERVERS}[1].roles", "must be a list, such as", ""),
    ("port = 2222", 'roles = ["web", "db", "web"]', f"{SERVERS}[1].roles[2]", '"web" is listed twice', ""),
    (
        'deploy@web2", root = "/srv/shop", port = 2222',
        'ana@WEB1", root = "/srv//shop/", port = 22',
        f"{SERVERS}[1].root",
        "has the same host, port and root as servers[0]",
        "",
    ),
    # environments
    ("servers =", 'strategy = "roling"\nservers =', "environments.production.strategy", "", 'did you mean "rolling"?'),
    ("servers =", "batch = 2\nservers =", "environments.production.batch", 'is only for strategy = "rolling"', ""),
    ("servers =", 'approve = "other"\nservers =', "environments.production.approve", "needs hold", "add hold = true"),
    (
        *("servers =", 'hold = false\napprove = "other"\nservers =', "environments.production.approve"),
        *("needs hold", "add hold = true"),
    ),
    ("servers =", 'approve = "bo"\nhold = true\nservers =', "environments.production.approve", "", ""),
    ("servers =", 'reason = "needed"\nservers =', "environments.production.reason", "", ""),
    *[
        ("servers =", f"hold = {hold}\nservers =", "environments.production.hold", message, "")
        for hold, message in [
            ("0", "must be true, false, or a duration from 1 s to 7 d"),
            ('"200h"', "must be true, false, or a duration from 1 s to 7 d"),
            ("-5", "0 seconds or more"),
            ("nan", "0 seconds or more"),
            ('"soon"', 'not "soon"'),
            ('"1h 5m"', "must be a duration"),
            ("[]", "must be a duration"),
        ]
    ],
    *[
        ("servers =", f'strategy = "rolling"\nbatch = {batch}\nservers =', "environments.production.batch", message, "")
        for batch, message in [
            ("0", 'a share from "1%" to "100%", not 0'),
            ("true", "not true or false"),
            ('"101%"', 'not "101%"'),
            ('"all"', 'not "all"'),
        ]
    ],
    *[
        ("servers =", f"{written}\nservers =", f"environments.production.{key}", message, hint)
        for written, key, message, hint in [
            ("canary = 1", "canary", 'is only for strategy = "rolling"', 'strategy = "rolling"'),
            ('pause = "2m"', "pause", 'is only for strategy = "rolling"', ""),
            ('strategy = "rolling"\ncanary = 9', "canary", "is larger than the fleet", ""),
            ('strategy = "rolling"\ncanary = "0%"', "canary", 'a share from "1%" to "100%"', ""),
            ('strategy = "rolling"\npause = "soon"', "pause", 'must be "hold", or a duration such as "2m"', ""),
            ('allow-failed = "100%"', "allow-failed", "would let a deploy go on without any server", ""),
            ("allow-failed = 9", "allow-failed", "would let a deploy go on without any server", ""),
            ('on-failure = "ask"\nread-only = true', "on-failure", "read-only = true lets nobody answer", ""),
        ]
    ],
    ('on = "prepare"', 'on = "drain"', f"{HOOK}.on", "drain hooks run between batches", 'strategy = "rolling"'),
    # hooks
    ('run = "make"', "", HOOK, 'needs "run" or "webhook"', ""),
    ('run = "make"', 'run = "make"\nwebhook = "https://x/"', f"{HOOK}.webhook", 'cannot be combined with "run"', ""),
    ('run = "make"', 'webhook = "x/y"', f"{HOOK}.webhook", '"x/y" is not a URL', ""),
    (
        'run = "make"',
        'webhook = "http://x"\nwhere = "server"',
        f"{HOOK}.where",
        "from the operator's machine",
        "leave it out",
    ),
    (
        '"prepare"',
        '"build"\nwhere = "server"',
        f"{HOOK}.where",
        "always runs on the operator's machine",
        "leave it out",
    ),
    ('"prepare"\nrun = "make"', '"build"\nwebhook = "http://x"', f"{HOOK}.webhook", "must run a command", ""),
    ('run = "make"', 'run = "make"\ntimeout = 0', f"{HOOK}.timeout", "must be more than 0 seconds", ""),
    ('run = "make"', 'run = "make"\ntimeout = "5 days"', f"{HOOK}.timeout", 'such as "90s", "5m"', ""),
    ('run = "make"', 'run = "make"\ntimeout = "90"', f"{HOOK}.timeout", "must be a duration", ""),
    ('run = "make"', 'run = "make"\ntimeout = inf', f"{HOOK}.timeout", "0 seconds or more", ""),
    ('run = "make"', 'run = "make"\ntimeout = -1', f"{HOOK}.timeout", "0 seconds or more", ""),
    ('run = "make"', 'run = "make"\ntimeout = true', f"{HOOK}.timeout", "not true or false", ""),
    # checks
    ('http = "http://127.0.0.1/"', "", CHECK, 'needs "http", "run" or "log"', ""),
    ('http = "http://127.0.0.1/"', 'run = "true"\nstatus = 200', f"{CHECK}.status", "is only for http checks", ""),
    ('"http://127.0.0.1/"', '"127.0.0.1/healthz"', f"{CHECK}.http", "is not a URL", ""),
    ('"http://127.0.0.1/"', '"ftp://127.0.0.1/"', f"{CHECK}.http", "is not a URL", ""),
    ('"http://127.0.0.1/"', '"http:///healthz"', f"{CHECK}.http", "is not a URL", ""),
    ('"http://127.0.0.1/"', '"http://h:99999/"', f"{CHECK}.http", "is not a URL", ""),
    ('"http://127.0.0.1/"', '"http://h/ä"', f"{CHECK}.http", "must be ASCII", ""),
    ('"http://127.0.0.1/"', '"http://ana:pw@h/"', f"{CHECK}.http", "must not contain a login", ""),
    ('"http://127.0.0.1/"', '"http://h/a b"', f"{CHECK}.http", "must not contain white space", ""),
    ('"http://127.0.0.1/"', '"http://h/"\nstatus = 20', f"{CHECK}.status", "must be a status from 100 to 599", ""),
    ('"http://127.0.0.1/"', '"http://h/"\nattempts = 0', f"{CHECK}.attempts", "must be 1 or more", ""),
    ('"http://127.0.0.1/"', '"http://h/"\nhost = "a b"', f"{CHECK}.host", "is not a host name", ""),
    # variables
    ('"make"', '"a ${NO NE}"', f"{HOOK}.run", "'${NO NE}' is not ${NAME}", "write $${ for a plain ${"),
    ('"/srv/shop", port', '"${NONE}", port', f"{SERVERS}[1].root", "the variable NONE is not set", ""),
    ('"make"', '"a ${X:-1}"', f"{HOOK}.run", "'${X:-1}' is not ${NAME}", "write $${ for a plain ${"),
    ('"make"', '"a ${X"', f"{HOOK}.run", "'${X' is not ${NAME}", ""),
]


@pytest.mark.parametrize(("right", "wrong", "key", "message", "hint"), CASES)
def test_one_fault_is_reported_once_with_its_key(right: str, wrong: str, key: str, message: str, hint: str):
    assert right in GOOD
    faults = faults_of(GOOD.replace(right, wrong, 1))
    assert [fault.key for fault in faults] == [key]
    assert faults[0].file == "turnout.toml"
    assert message in faults[0].message
    assert hint in faults[0].hint
    assert not any(jargon in str(faults[0]) for jargon in ("Input", "Value error", "msgspec", "type="))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", "line 1, column 5: Invalid value"),
        ("a = 1\nb = 'x", 'line 2, column 7: Expected "\'"'),
        ("a = 1\n\na = 2\n", "line 3, column 6: Cannot overwrite a value"),
        ("a = 1\n[x", "line 2, column 3: Expected ']' at the end of a table declaration"),
        ("a = 2026-02-31", "line 1, column 5: Invalid date or datetime"),
        (f"a = {'1' * 5000}", "not TOML: "),
    ],
)
def test_a_fault_of_syntax_has_its_line_and_column(text: str, message: str):
    (fault,) = faults_of(text)
    assert fault.key == ""
    assert fault.message.startswith(message)


def test_five_faults_of_one_file_are_five_in_the_order_of_the_file():
    text = GOOD.replace('"shop"', '"my shop"', 1).replace("keep =", "kep =").replace("2222", '"ssh"')
    text = text.replace('"make"', '"${}"').replace("http =", 'run = "x"\nhttp =')
    assert [fault.key for fault in faults_of(text)] == [
        "project",
        "deploy.kep",
        f"{SERVERS}[1].port",
        f"{HOOK}.run",
        f"{CHECK}.http",
    ]


def test_faults_within_a_misspelt_table_are_reported_too():
    text = GOOD.replace("[deploy]", "[deplyo]").replace("keep = 10", "keep = 0").replace("storage/", "/x")
    assert [fault.key for fault in faults_of(text)] == ["deplyo", "deplyo.keep", "deplyo.shared[0]"]


def test_rules_between_keys_are_reported_beside_faults_of_single_keys():
    text = GOOD.replace("2222", "0").replace('name = "web2"', 'name = "web1"').replace('git = "."', "ref = 7")
    assert [fault.key for fault in faults_of(text)] == [
        "source",
        "source.ref",
        f"{SERVERS}[1].name",
        f"{SERVERS}[1].port",
    ]


def test_an_empty_file_misses_all_that_is_required():
    assert [fault.key for fault in faults_of("")] == ["project", "source", "environments"]


def test_no_environment_and_no_server_are_faults():
    text = 'project = "shop"\n[source]\ngit = "."\n[environments]\n'
    assert [(f.key, f.message) for f in faults_of(text)] == [("environments", "needs at least one environment")]
    (fault,) = faults_of(text + "production = { servers = [] }\n")
    assert (fault.key, fault.message) == ("environments.production.servers", "needs at least one server")


def test_no_secret_is_shown_in_a_fault():
    (fault,) = faults_of(GOOD.replace('"make"', '"make"\ntimeout = "${T}"'), T="hunter2hunter2")
    assert fault.key == f"{HOOK}.timeout"
    assert "hunter2" not in str(fault)
    assert "***" in fault.message


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "none.toml", Settings(environ={}))
    assert str(refused.value.faults[0]) == f"{tmp_path}/none.toml: cannot be read: No such file or directory"
    (tmp_path / "latin.toml").write_bytes(b'project = "shop"\nx = "\xe9"\n')
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "latin.toml", Settings(environ={}))
    assert refused.value.faults[0].message == "line 2: not UTF-8 text"


def test_the_error_lists_every_fault_with_file_and_key():
    with pytest.raises(ConfigError) as refused:
        parse(GOOD.replace("keep =", "kep =").replace("run =", "rum ="), FILE, Settings(environ={}))
    assert refused.value.title == "the configuration has 2 faults"
    assert refused.value.detail.splitlines() == [
        'turnout.toml: deploy.kep: unknown key (did you mean "keep"?)',
        'turnout.toml: hooks[0].rum: unknown key (did you mean "run"?)',
    ]
