"""ssh_config is read as OpenSSH reads it: by ssh itself, and by our own reader where there is none."""

import os
import pwd
import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ConnectError
from core.sshconfig import Book, Target, asking, files, reader
from core.sshconfig.destination import target as target_of
from core.sshconfig.keywords import KEYWORDS
from core.sshconfig.words import split
from tests.servers import need

DOCS = Path(__file__).parents[2] / "docs/ssh.md"
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (used|no meaning|refused)", re.M)


@pytest.fixture
def config(home):
    """Write the test's own ~/.ssh/config."""

    def write(text):
        (home / ".ssh/config").write_text(text)

    return write


@pytest.fixture
def book(home):
    """A new address book of this process's environment; keeps answers where `folder` is given."""
    return lambda folder=None, file="": Book(os.environ, folder, file)


@pytest.fixture
def without_ssh(monkeypatch, tmp_path):
    """No program `ssh` is found."""
    (tmp_path / "no programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))


def documented() -> dict[str, str]:
    return {name: use for names, use in ROW.findall(DOCS.read_text("utf-8")) for name in re.findall(r"\w+", names)}


def test_the_page_has_every_keyword_and_says_what_the_code_does():
    assert {name.lower(): use for name, use in documented().items()} == KEYWORDS


def test_every_keyword_that_ssh_prints_is_in_the_table():
    printed = subprocess.run(
        [need("ssh"), "-T", "-G", "-F", "none", "web"], capture_output=True, text=True, check=True
    ).stdout
    names = {line.partition(" ")[0].lower() for line in printed.splitlines()}
    assert len(names) > 60
    assert names <= set(KEYWORDS)


LOCAL = pwd.getpwuid(os.getuid()).pw_name

# Each is read by ssh and by our own reader, for the hosts below; both must say the same.
SAME = {
    "first value counts": "Host web*\n  Port 1\nHost web1\n  Port 2\n",
    "a comment behind a value": "Port 2222 # the old one\nUser ana#not-one\n",
    "quotes and equal signs": 'User="ana b"\nPort =  7\nIdentityFile "~/my keys/id"\nIdentityFile = \'~/other\'\n',
    "capitals": "HOST web1\n  pORT 5\nMatch HOST web1\n  USER one\n",
    "a negated pattern": "Host * !web1\n  Port 1\nHost web?\n  User two\n",
    "match host in capitals": "Match Host other\n  Port 1\nMatch OriginalHost db\n  Port 2\nHost *\n  Port 3\n",
    "match tagged": "Match tagged x\n  Port 1\nHost web1\n  Tag x\nMatch tagged x,y\n  User tagged\n",
    "match sessiontype": "Match sessiontype exec\n  Port 1\nMatch sessiontype shell\n  User no\n",
    "match several": "Match host web1 user ana\n  Port 1\nMatch user ana\n  Port 2\nMatch !user ana\n  Port 3\n",
    "match all": "Match all\n  Port 8\n",
    "match final all": "Match final all\n  Port 9\n  User last\nHost web1\n  User first\n",
    "match final host": "Host web1\n  HostName real.example\nMatch final host real.example\n  Port 10\n",
    "a host name in the last pass": "Match final\n  HostName real\n  Port 7\n",
    "a host name in both passes": "HostName one%%two\nMatch final host one*\n  HostName real\n  Port 7\n",
    "match originalhost": "Host web1\n  HostName real\nMatch originalhost web1 host real\n  Port 11\n",
    "match canonical without canonical names": "Match canonical\n  Port 1\nMatch !canonical\n  Port 2\n",
    "match localuser": f"Match localuser {LOCAL}\n  Port 4\nMatch localuser nobody9\n  Port 5\n",
    "match with equal signs": "Match host=web1\n  Port 4\nMatch host=web2,!web2\n  Port 5\n",
    "match final negated": "Match !final host web1\n  Port 6\n",
    "host name with a token": "Host web1\n  HostName %h.example.com\nHost db\n  HostName a%%b\n",
    "several of one kind": 'SendEnv A B\nSendEnv C\nSendEnv -B\nSetEnv X=1 "Y=two words"\nSetEnv Z=2\n',
    "jump and command, jump first": "ProxyJump a,b\nProxyCommand nc %h %p\n",
    "jump and command, command first": "ProxyCommand nc %h %p # not a comment\nProxyJump a\n",
    "proxy command none": "ProxyCommand none\nProxyJump a\n",
    "lists in one line": "UserKnownHostsFile /a /b\nGlobalKnownHostsFile none\nHost web1\n  UserKnownHostsFile /c\n",
    "unknown ones that are to be ignored": "IgnoreUnknown Use*,Fancy\nUseKeychain yes\nFancy no\nPort 12\n",
    "deprecated ones": "Protocol 2\nRSAAuthentication yes\nPubkeyAcceptedKeyTypes ssh-ed25519\nPort 13\n",
    "no last line end": "Host web1\n  Port 77",
    "tabs and blank lines": "\n\n\tHost\tweb1\n\t\tPort\t78\n\n# end\n   # end\n",
    "identities": "IdentityFile ~/a\nHost web1\n  IdentityFile ~/.ssh/b\n  IdentitiesOnly yes\n  CertificateFile /c\n",
    "no identity": "IdentityFile none\nIdentityAgent none\n",
    "lists of algorithms": "Ciphers aes256-ctr,aes128-ctr\nMACs hmac-sha2-512\nRequiredRSASize 2048\n",
    "an address in brackets": "Host ::1\n  Port 79\n",
    "connecting": "AddressFamily inet\nBindAddress 127.0.0.1\nConnectTimeout 3\nConnectionAttempts 2\n",
    "an include inside a block": "Host web1\n  Include inner\n  Port 3\nHost *\n  User outer\n",
    "an include for another block": "Host other\n  Include inner\nHost *\n  Port 30\n",
    "an include that begins blocks": "Include blocks\nPort 31\n",
    "includes by pattern": "Include conf.d/*.conf nothing/*.conf\nPort 32\n",
    "a name in capitals": "Host WEB1\n  Port 1\nMatch host Web1\n  User low\nMatch originalhost wEB1\n  Port 2\n",
    "the name of the last pass": "Host web1\n  HostName RE\nHost re\n  Port 9\nMatch final all\nHost RE\n  Port 8\n",
    "a negated name in the last pass": "Host web1\n  HostName real\nMatch final all\nHost !real *\n  Port 9\n",
    "values as they may be written": "ConnectTimeout 1m30s\nIdentitiesOnly YES\nAddressFamily INET6\n",
    "an empty keyword": '"" Port 5\n',
    "line ends of another system": "Host web1\r\n  Port 5\r\n  User 'ana b'\r\n",
    "Fedora's default": "Include conf.d/*.conf\nMatch final all\n  Include policy\n  Port 4\n",
}
INCLUDED = {
    "inner": "User inner\nHost web2\n  Port 20\nHost *\n  IdentityFile ~/inner\n",
    "blocks": "Host web1\n  Port 21\nMatch host db\n  Port 22\n",
    "conf.d/10.conf": "Host web1\n  User ten\n",
    "conf.d/20.conf": "User twenty\nMatch final all\n  Port 23\n",
    "policy": "Ciphers aes256-gcm@openssh.com,aes256-ctr\nMACs hmac-sha2-256\n",
}
TARGETS = [
    Target("web1"),
    Target("WEB1"),
    Target("web2", user="ana"),
    Target("db", port=99),
    Target("::1"),
    Target("real.example", jump="g1,ana@g2:22"),
]
# What the reader does not compute: it says only what files say.
COMPARED = sorted(set(asking.KEPT) - {"host", "pkcs11provider", "securitykeyprovider", "knownhostscommand"})
WORDS = {"true": "yes", "false": "no"}


def understood(text: str) -> bool:
    """Whether the ssh that is installed knows all words of a configuration, as far as Match is concerned."""
    words = [need("ssh"), "-T", "-G", "-F", "/dev/stdin", "web"]
    return subprocess.run(words, input=text, text=True, capture_output=True, check=False).returncode == 0


def alike(target: Target, home: Path) -> tuple[dict[str, object], dict[str, object]]:
    """What ssh and our own reader say of a target, as far as it is no default of ssh's."""
    asked = Book(os.environ)
    theirs = asked.look_up(target)
    first = files.sources("", str(home))
    ours = reader.read(target, first, str(home), os.environ)
    sides: tuple[dict[str, object], dict[str, object]] = ({}, {})
    for name in COMPARED:
        default = theirs.defaults.get(name) if name not in reader.DEFAULTS else reader.DEFAULTS[name]
        values = theirs.all(name)
        own = ours.get(name, default or ())
        if name == "identityfile" and own == reader.DEFAULTS[name]:
            own = theirs.defaults["identityfile"]
        if name in ("host", "hostname", "user", "port"):
            own = own or (getattr(theirs, name if name != "hostname" else "host"),)
        sides[0][name] = tuple(dict.fromkeys(WORDS.get(value, value) for value in values if value != "none"))
        sides[1][name] = tuple(WORDS.get(value, value) for value in own if value != "none")
    for side in sides:
        side["userknownhostsfile"] = tuple(str(text).replace("~", str(home)) for text in side["userknownhostsfile"])
        side["port"] = str(target.port or side["port"][0])
        side["user"] = target.user or side["user"][0]
        side["setenv"] = tuple(str(text) for text in side["setenv"])
    return sides


@pytest.mark.parametrize("case", SAME)
def test_our_own_reader_says_what_ssh_says(home, config, case):
    need("ssh")
    config(SAME[case])
    for name, text in INCLUDED.items():
        (home / ".ssh" / name).parent.mkdir(exist_ok=True)
        (home / ".ssh" / name).write_text(text)
    if "match" in case and not understood(SAME[case]):
        pytest.skip("this ssh is older than these words")
    for target in TARGETS:
        theirs, ours = alike(target, home)
        assert ours == theirs, target


PATTERNS = st.sampled_from(["web1", "web*", "*", "!web1", "?eb2", "other", "WEB1", "real", "*.example"])
CRITERIA = st.sampled_from(
    ["host web1", "Host real,web2", "!host web*", "originalhost web?", "user ana", "!user ana", "final", "canonical"]
)
SETTINGS = st.sampled_from(
    ["Port 1", "Port=2", "User ana", "User 'bo b'", "HostName real", "HostName %h.example", "IdentityFile ~/a"]
)
BLOCKS = st.one_of(
    SETTINGS,
    st.lists(PATTERNS, min_size=1, max_size=3).map(lambda names: "Host " + " ".join(names)),
    st.lists(CRITERIA, min_size=1, max_size=2).map(lambda names: "Match " + " ".join(names)),
    st.just("Match all"),
    st.just("Match final all"),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(BLOCKS, max_size=10))
def test_our_own_reader_says_what_ssh_says_of_any_blocks(home, lines):
    need("ssh")
    (home / ".ssh/config").write_text("\n".join(lines) + "\n")
    for target in TARGETS[:2]:
        theirs, ours = alike(target, home)
        assert ours == theirs, (lines, target)


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ("Host *\n  Port 1\nMatch exec true\n  Port 2\n", 3, "`exec`"),
        ("Match localnetwork 10.0.0.0/8\n  Port 2\n", 1, "`localnetwork`"),
        ("Port 1\nCanonicalizeHostname yes\n", 2, "look up names"),
        ("Prot 1\n", 1, "does not know this keyword"),
        ("Ciphers +aes128-cbc\n", 1, "a list that only ssh knows"),
        ("Include %h.conf\n", 1, "which files"),
        ('User "ana\n', 1, "quote"),
        ("Match\n", 1, "criterion"),
        ("Host\n", 1, "no pattern"),
        ("Match host =web1\n  Port 2\n", 1, "equal sign"),
        ("Match host= web1 user ana\n  Port 2\n", 1, "equal sign"),
        ("Host web1\n  Port abc\n", 2, "number"),
        ("Port =5\nUser=ana\nPort ==5\n", 3, "number"),
        ("Port 70000\n", 1, "65535"),
        ("IdentitiesOnly maybe\n", 1, "yes or no"),
        ("AddressFamily ipv6\n", 1, "inet6"),
        ("ConnectTimeout soon\n", 1, "time"),
        ("HostName %n.example\n", 1, "%h"),
        ("HostName web%\n", 1, "%h"),
        ("User %u\n", 1, "version"),
        ("Include conf.d/\\*\n", 1, "which files"),
        ("= 5\n", 1, "does not know this keyword"),
        ("Port\n", 1, "no value"),
    ],
)
def test_without_ssh_what_is_not_understood_is_refused_by_line(home, config, book, without_ssh, text, number, said):
    config(text)
    with pytest.raises(ConnectError) as raised:
        book().look_up(Target("web1"))
    assert raised.value.title.endswith(f"{home}/.ssh/config, line {number}")
    assert said in raised.value.detail and text.splitlines()[number - 1].strip() in raised.value.detail
    assert "install OpenSSH" in raised.value.hint


def test_a_program_ssh_that_is_not_openssh_counts_as_none(config, book, without_ssh, tmp_path):
    program = tmp_path / "no programs/ssh"
    program.write_text("#!/bin/sh\necho 'Usage: dbclient [options] [user@]host' >&2\nexit 1\n")
    program.chmod(0o755)
    config("Host web1\n  Port 2\n")
    assert book().look_up(Target("web1")).port == 2


def test_an_ssh_that_is_too_old_for_a_remote_command_is_asked_without(config, book, monkeypatch, tmp_path):
    real = need("ssh")
    (tmp_path / "old").mkdir()
    program = tmp_path / "old/ssh"
    refusal = "command-line: line 0: Bad configuration option: remotecommand"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *RemoteCommand*) echo "{refusal}" >&2; exit 255 ;; esac\nexec "{real}" "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/old:{os.environ['PATH']}")
    config("Match exec true\n  Port 2\n")  # which our own reader would refuse
    assert book().look_up(Target("web1")).port == 2


def test_without_ssh_a_block_that_is_for_others_is_not_evaluated(config, book, without_ssh):
    config("Match host other exec true\n  Port 1\nHost web1\n  Port 2\n")
    assert book().look_up(Target("web1")).port == 2


def test_a_line_that_ssh_refuses_is_shown_with_the_name_of_the_file(home, config, book):
    need("ssh")
    config("Port 1\nNoSuchThing yes\n")
    with pytest.raises(ConnectError) as raised:
        book().look_up(Target("web1"))
    assert raised.value.exit_code == 3
    assert f"{home}/.ssh/config: line 2" in raised.value.detail and "nosuchthing" in raised.value.detail
    config("Port 1\n")
    assert book().look_up(Target("web1")).port == 1


def test_a_file_that_others_may_write_to_is_refused_as_by_ssh(home, config, book):
    config("Port 1\n")
    (home / ".ssh/config").chmod(0o666)
    with pytest.raises(ConnectError, match=r"(?i)bad owner or permissions") as raised:
        book().look_up(Target("web1"))
    assert f"{home}/.ssh/config" in str(raised.value)


def test_the_home_of_the_environment_is_read_and_not_that_of_the_user_database(home, config, book):
    """Its relative includes, `~` and known_hosts, too."""
    need("ssh")
    assert str(home) != pwd.getpwuid(os.getuid()).pw_dir
    text = "Host web1\n  UserKnownHostsFile ~/.ssh/kh_%h ~/.ssh/two\n  IdentityAgent ~/a.sock\n"
    (home / ".ssh/more").write_text(text)
    config("Include more\nIdentityFile ~/.ssh/id_web\n")
    options = book().look_up(Target("web1"))
    assert options.known_hosts_files("userknownhostsfile") == (f"{home}/.ssh/kh_web1", f"{home}/.ssh/two")
    assert options.agent == f"{home}/a.sock"
    assert options.identity_files == ((f"{home}/.ssh/id_web", True),)
    other = book().look_up(Target("web2"))
    assert other.known_hosts_files("userknownhostsfile") == (f"{home}/.ssh/known_hosts", f"{home}/.ssh/known_hosts2")


def test_where_home_is_that_of_the_user_database_ssh_finds_its_files_itself(tmp_path):
    """In a mount namespace of its own, where a folder of the test lies over the home."""
    need("ssh")
    own = pwd.getpwuid(os.getuid()).pw_dir
    if os.getuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("it takes root and mount namespaces")
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh/more").write_text("Host web1\n  Port 7\n  UserKnownHostsFile ~/.ssh/kh_%h\n")
    (tmp_path / ".ssh/config").write_text("Include more\nMatch Host other\n  Port 8\n")
    program = (
        "import os; from core.sshconfig import Book, Target; o = Book(os.environ).look_up(Target('web1')); "
        "print(o.port, *o.known_hosts_files('userknownhostsfile'))"
    )
    # The interpreter may lie below the home that is covered: it starts before, and covers it then.
    cover = f"import subprocess; subprocess.run(['mount', '--bind', {str(tmp_path)!r}, {own!r}], check=True); {program}"
    repository = str(Path(__file__).parents[2])
    import sys

    loaded = f"import core.sshconfig.asking, core.sshconfig.reader, tempfile, json, encodings.idna; {cover}"
    ended = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", loaded],
        env={"PATH": os.environ["PATH"], "HOME": own, "PYTHONPATH": repository},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == f"7 {own}/.ssh/kh_web1\n", ended.stderr


def test_tokens_and_variables_stand_for_what_they_do_in_ssh(home, config, book, monkeypatch):
    monkeypatch.setenv("KEYS", "/keys/%h")
    config(
        "Host web1\n  HostName 10.0.0.1\n  Port 7\n  User ana\n  HostKeyAlias alias\n"
        '  IdentityFile "${KEYS}/%n %h"\n  IdentityFile %d/%r-%p-%k-%%-%u-%i\n  ProxyCommand nc %h %p %r %n %%\n'
    )
    options = book().look_up(Target("web1"))
    assert [path for path, _ in options.identity_files] == [
        "/keys/%h/web1 10.0.0.1",
        f"{home}/ana-7-alias-%-{LOCAL}-{os.getuid()}",
    ]
    assert options.proxy_command == "exec nc 10.0.0.1 7 ana web1 %"


def test_a_variable_that_is_not_set_is_reported(config, book):
    config("IdentityFile ${NO_SUCH_VARIABLE}/id\n")
    with pytest.raises(ConnectError) as raised:
        assert book().look_up(Target("web1")).identity_files
    assert "NO_SUCH_VARIABLE is not set" in raised.value.detail


@pytest.mark.parametrize(
    ("line", "socket"),
    [
        ("", "/env"),
        ("IdentityAgent none", ""),
        ("IdentityAgent SSH_AUTH_SOCK", "/env"),
        ("IdentityAgent $OTHER", "/other"),
        ("IdentityAgent /x/%n.sock", "/x/web1.sock"),
        ("IdentityAgent ${OTHER}/a", "/other/a"),
    ],
)
@pytest.mark.parametrize("reading", ["ssh", "own"])
def test_the_agent_is_the_one_that_is_configured(config, book, monkeypatch, request, line, socket, reading):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/env")
    monkeypatch.setenv("OTHER", "/other")
    if reading == "own":
        request.getfixturevalue("without_ssh")
    config(f"{line}\n")
    assert book().look_up(Target("web1")).agent == socket


def test_what_turnout_toml_says_goes_first(config, book):
    config("Host *\n  User other\n  Port 5\n  ProxyJump nowhere\n  IdentityFile ~/one\nHost gate\n  ProxyJump none\n")

    class Server:
        name, host, port, user, gateway, identity = "web", "ana@web1", 7, None, "ops@gate:23", "/keys/id"

    options = book().look_up(target_of(Server()))
    assert (options.user, options.port, options.jump) == ("ana", 7, "ops@gate:23")
    assert options.identity_files[0] == ("/keys/id", True)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a", None, None)),
        ("ana@a:22", ("a", "ana", 22)),
        ("[::1]:23", ("::1", None, 23)),
        ("ana@::1", ("::1", "ana", None)),
        ("ssh://ana@a:24", ("a", "ana", 24)),
        ("a@b@c", ("c", "a@b", None)),
    ],
)
def test_a_hop_is_read_as_proxy_jump_has_it(text, parts):
    target = Target.of(text)
    assert (target.host, target.user, target.port) == parts


def test_each_hop_is_reached_through_those_named_before_it(config, book):
    config("Host web1\n  ProxyJump a:1,ana@b:2\nHost a\n  ProxyJump z\nHost b\n  ProxyJump y\n")
    look = book()
    last = look.hops(look.look_up(Target("web1")))
    assert last == Target("b", "ana", 2, jump="a:1")
    before = look.hops(look.look_up(last))
    assert before == Target("a", port=1)
    assert look.hops(look.look_up(before)) == Target("z")  # as ssh has it: the first hop has a configuration, too
    assert look.hops(look.look_up(Target("z"))) is None


@pytest.mark.parametrize("reading", ["ssh", "own"])
def test_a_hop_that_goes_through_itself_is_refused_as_by_ssh(config, book, request, reading):
    if reading == "own":
        request.getfixturevalue("without_ssh")
    config("Host *\n  ProxyJump bastion\n")
    look = book()
    assert look.hops(look.look_up(Target("web1"))) == Target("bastion")
    with pytest.raises(ConnectError) as raised:
        look.hops(look.look_up(Target("bastion")))
    assert "jumphost loop via bastion" in str(raised.value)


def test_a_hop_on_another_port_of_the_same_host_is_a_hop(config, book):
    config("Host web1\n  ProxyJump web1:2222\nMatch host web1\n  Port 22\n")
    look = book()
    assert look.hops(look.look_up(Target("web1"))) == Target("web1", port=2222)


def test_variables_for_the_server_are_those_of_set_env_and_send_env(config, book, monkeypatch):
    """But not the operator's language: a deploy does not depend on it."""
    for name, value in {"APP_KEY": "1", "SECOND": "2", "LANG": "de_DE", "LC_TIME": "de_DE", "OTHER": "3"}.items():
        monkeypatch.setenv(name, value)
    config('SendEnv APP_* SECOND LANG LC_*\nSendEnv -SEC*\nSetEnv APP_KEY=set "B=two words=2"\n')
    assert book().look_up(Target("web1")).environment() == {"APP_KEY": "set", "B": "two words=2"}


@pytest.mark.parametrize(
    "line", ["PubkeyAuthentication no", "PreferredAuthentications password,keyboard-interactive", "ProxyUseFdpass yes"]
)
@pytest.mark.parametrize("reading", ["ssh", "own"])
def test_what_rules_out_a_login_is_refused_by_name(config, book, request, line, reading):
    if reading == "own":
        request.getfixturevalue("without_ssh")
    config(f"{line}\nProxyCommand nc %h %p\n")
    with pytest.raises(ConnectError, match=re.escape(line)):
        book().look_up(Target("web1")).refuse_what_cannot_be()


READINGS = pytest.mark.parametrize("reading", ["ssh", "own"])


@READINGS
def test_none_is_a_name_for_a_user_and_for_a_host(config, book, request, reading):
    need("ssh") if reading == "ssh" else request.getfixturevalue("without_ssh")
    config("User none\nHostName none\nHostKeyAlias none\nProxyJump none\n")
    options = book().look_up(Target("web1"))
    assert (options.user, options.host, options.get("hostkeyalias"), options.jump) == ("none", "none", "none", "")


@READINGS
def test_a_jump_has_the_tokens_of_a_proxy_command(config, book, request, reading):
    need("ssh") if reading == "ssh" else request.getfixturevalue("without_ssh")
    config("Host web1\n  HostName 10.0.0.1\n  User ana\n  Port 7\n  ProxyJump first-%n,%r@gate-%h:22\n")
    look = book()
    last = look.hops(look.look_up(Target("web1")))
    assert last == Target("gate-10.0.0.1", "ana", 22, jump="first-web1")
    assert look.hops(look.look_up(last)) == Target("first-web1")


@READINGS
def test_an_included_file_that_cannot_be_read_ends_the_login(home, config, book, request, reading):
    need("ssh") if reading == "ssh" else request.getfixturevalue("without_ssh")
    (home / ".ssh/more").symlink_to("more")
    config("Include more gone*\nPort 5\n")
    with pytest.raises(ConnectError, match=f"{home}/.ssh/more"):
        book().look_up(Target("web1"))
    (home / ".ssh/more").unlink()
    (home / ".ssh/more").symlink_to("nowhere")
    assert book().look_up(Target("web1")).port == 5


@READINGS
def test_a_file_that_is_named_and_is_not_there_ends_the_login(home, config, book, request, reading):
    need("ssh") if reading == "ssh" else request.getfixturevalue("without_ssh")
    config("Port 5\n")
    with pytest.raises(ConnectError, match=f"{home}/gone"):
        book(file=f"{home}/gone").look_up(Target("web1"))
    assert book(file="none").look_up(Target("web1")).port == 22


@READINGS
def test_in_a_file_that_is_named_home_is_that_of_the_environment(home, book, request, tmp_path, reading):
    need("ssh") if reading == "ssh" else request.getfixturevalue("without_ssh")
    (tmp_path / "named").write_text("Include more\nHost web2\n  UserKnownHostsFile ~/kh%%d %d/two\n")
    (home / ".ssh/more").write_text("Port 6\n")
    named = str(tmp_path / "named")
    options = book(file=named).look_up(Target("web1"))
    assert options.port == 6
    assert options.known_hosts_files("userknownhostsfile")[0] == f"{home}/.ssh/known_hosts"
    (home / "kh%d").touch()
    other = book(file=named).look_up(Target("web2"))
    assert other.known_hosts_files("userknownhostsfile") == (f"{home}/kh%d", f"{home}/two")


@pytest.mark.parametrize("mode", [0o600, 0o620, 0o602, 0o644])
def test_ssh_judges_itself_who_may_write_to_a_file(home, config, book, mode):
    """Debian's lets a group write that has one member only; elsewhere it is refused."""
    ssh = need("ssh")
    (home / ".ssh/more").write_text("Port 6\n")
    (home / ".ssh/more").chmod(mode)
    config(f"Include {home}/.ssh/more\n")
    asked = [ssh, "-G", "-F", str(home / ".ssh/config"), "web1"]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        assert book().look_up(Target("web1")).port == 6
    else:
        with pytest.raises(ConnectError, match=f"{home}/.ssh/more"):
            book().look_up(Target("web1"))


def test_a_program_ssh_that_prints_nothing_counts_as_none(config, book, without_ssh, tmp_path):
    """Silence is no empty configuration: the login would go to a name of DNS, to port 22."""
    program = tmp_path / "no programs/ssh"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    config("Host web1\n  Port 2\n  HostName 10.0.0.1\n")
    options = book().look_up(Target("web1"))
    assert (options.host, options.port) == ("10.0.0.1", 2)


def test_answers_of_a_script_are_not_kept(config, book, monkeypatch, tmp_path):
    """What it reads besides is not known."""
    real = need("ssh")
    (tmp_path / "wrapped").mkdir()
    program = tmp_path / "wrapped/ssh"
    program.write_text(f'#!/bin/sh\nexec "{real}" -o "Port=$(cat "{tmp_path}/port")" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/wrapped:{os.environ['PATH']}")
    config("User ana\n")
    for port in (5, 6):
        (tmp_path / "port").write_text(str(port))
        assert book(tmp_path / "kept").look_up(Target("web1")).port == port


def test_a_line_of_an_answer_ends_where_ssh_ends_it():
    assert asking.parse("user a\x0cport 5\u2028hostname b\nport 7\n")["port"] == ("7",)


def test_copies_that_a_killed_process_left_are_removed(tmp_path):
    """Not those of a process that lives, however wrong the clock of who looks is; nor young ones."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, young, in_use = (f"turnout-ssh-{ended.pid}-old", f"turnout-ssh-{ended.pid}-new", f"{files.copies()}old")
    for name, age in {gone: 7200, young: 60, in_use: 400 * 86400, "turnout-other": 7200}.items():
        (tmp_path / name / "inner").mkdir(parents=True)
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))
    files.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {young, in_use, "turnout-other"}


def count_of_ssh(monkeypatch, tmp_path) -> Path:
    """Put a program before ssh that notes each run; the file has a line for each."""
    real = need("ssh")
    folder = tmp_path / "counting"
    folder.mkdir()
    log = folder / "log"
    log.touch()
    (folder / "ssh").write_text(f'#!/bin/sh\necho run >> "{log}"\nexec "{real}" "$@"\n')
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_answers_are_kept_as_long_as_nothing_that_they_rest_on_changes(home, config, book, monkeypatch, tmp_path):
    need("ssh")
    runs = []
    ask = asking.ask
    monkeypatch.setattr(asking, "ask", lambda *words: (runs.append(words), ask(*words))[1])
    (home / ".ssh/conf.d").mkdir()
    config("Include conf.d/*\nIdentityFile ${KEYS}/id\n")
    monkeypatch.setenv("KEYS", "/one")
    kept = tmp_path / "kept"

    def port_and_runs(host="web1"):
        runs.clear()
        port = book(kept).look_up(Target(host)).port
        return port, len(runs)

    assert port_and_runs() == (22, 2)  # and one for ssh's own defaults
    assert port_and_runs() == (22, 0)
    assert port_and_runs("web2") == (22, 1)
    (home / ".ssh/conf.d/one").write_text("Port 5\n")
    assert port_and_runs() == (5, 2)
    (home / ".ssh/conf.d/one").write_text("Port 6\n")
    assert port_and_runs() == (6, 2)
    assert port_and_runs() == (6, 0)
    monkeypatch.setenv("KEYS", "/two")
    assert port_and_runs() == (6, 2)
    (kept / next(iter(os.listdir(kept)))).write_text("{ torn")
    assert port_and_runs()[0] == 6
    (home / ".ssh/conf.d/one").unlink()
    assert port_and_runs() == (22, 2)


@pytest.mark.parametrize(
    "text",
    [
        "Match exec true\n  Port 1\n",
        "Match !localnetwork 192.0.2.0/24\n  Port 1\n",
        "CanonicalizeHostname yes\n",
        "Host other\n  CanonicalizeHostname always\n",
        "Include conf.d/*\n",
    ],
)
def test_answers_that_rest_on_more_than_files_are_not_kept(home, config, book, tmp_path, text):
    if not understood(text):
        pytest.skip("this ssh is older than these words")
    (home / ".ssh/conf.d").mkdir()
    (home / ".ssh/conf.d/deep").write_text("Match host=web1 exec=true\n")
    config(text)
    book(tmp_path / "kept").look_up(Target("web1"))
    assert not (tmp_path / "kept").exists()


def test_match_exec_is_asked_each_time(home, config, book, tmp_path):
    need("ssh")
    config(f'Match exec "test -e {home}/at-home"\n  Port 1\n')
    assert book(tmp_path / "kept").look_up(Target("web1")).port == 22
    (home / "at-home").touch()
    assert book(tmp_path / "kept").look_up(Target("web1")).port == 1


def test_forty_targets_are_asked_for_once_each(config, book, monkeypatch, tmp_path):
    log = count_of_ssh(monkeypatch, tmp_path)
    config("Host web*\n  ProxyJump gate\n")
    look = book()
    targets = [Target(f"web{number}") for number in range(40)]
    look.ahead(targets)
    assert {look.hops(look.look_up(target)) for target in targets} == {Target("gate")}
    look.look_up(Target("gate"))
    assert len(log.read_text().splitlines()) == 42


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a "b c" d', ["a", "b c", "d"]),
        ("a\\ b c", ["a b", "c"]),
        ("a # b", ["a"]),
        ("a#b", ["a#b"]),
        ('"a\\"b"', ['a"b']),
        ("'a\\'b'", ["a'b"]),
        ("a\\n", ["a\\n"]),
        ("", []),
    ],
)
def test_words_are_split_as_by_ssh(text, words):
    assert split(text) == words
