"""A login's variables, functions, options and start-up files change nothing that Turnout does."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

import pytest

from core import PruneRequest
from core.errors import ServerError
from core.events import HookOutput
from core.program import reader
from core.remote import launch
from core.remote.launch import PREPARATION, SYSTEM_PATH, Command, line_by_line, whole
from tests.engine.driving import at_rest, current, releases, snapshot, tree_of
from tests.projects import hook
from tests.servers import Destination, OpenSSHServer, need

# Few machines have the last ones, which are tried where they are.
SHELLS = ("bash", "dash", "zsh", "fish", "busybox", *filter(shutil.which, ("tcsh", "mksh", "ksh93", "yash")))
TOOLS = "cd cp command cut date echo env find grep ln mkdir mv printf read readlink rm sed sh sort stat tar test tr"
ODD = {
    "CDPATH": "/etc:/usr",
    "ENV": "/nonexistent",
    "BASH_ENV": "/nonexistent",
    "SHELLOPTS": "noclobber:noglob:nounset:errexit",
    "BASHOPTS": "nullglob:dotglob:failglob",
    "POSIXLY_CORRECT": "1",
    "IFS": "/e",
    "PS4": "$(echo trap)",
    "TAR_OPTIONS": "--strip-components=1",
    "GREP_OPTIONS": "-v",
    "GZIP": "--keep",
    "BLOCK_SIZE": "1",
    "QUOTING_STYLE": "c",
    "VERSION_CONTROL": "numbered",
    "SIMPLE_BACKUP_SUFFIX": ".txt",
    **{f"BASH_FUNC_{tool}%%": f"() {{ builtin printf 'function {tool}\\n'; }}" for tool in TOOLS.split()},
}
ASK = (
    PREPARATION
    + """\
printf 'it'"'"'s \\\\ back! $x <%s> <%s>\\n' "$-" "$PATH"
env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD=
cd /
cd usr && pwd
set -- aeb
echo $1 a/b
read -r line
echo "$line"
"""
)


def shell(name: str) -> list[str]:
    """A login shell and its `-c`."""
    return [need(name), *(["ash"] if name == "busybox" else []), "-c"]


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("way", ["whole", "line by line"])
def test_a_program_of_ours_starts_with_home_and_path_alone(name, way):
    if name == "tcsh" and way == "line by line":
        pytest.skip("tcsh takes no newline between quotes")
    environ = {"HOME": "/home/ana", "PATH": f".:bin:{SYSTEM_PATH}::/opt/tools:~/bin", "USER": "ana", **ODD}
    command = whole("trial", ASK) if way == "whole" else line_by_line("trial")
    given = "what was sent\n" if way == "whole" else f"#begin\n{ASK}#end\nwhat was sent\n"
    done = subprocess.run(
        [*shell(name), command], env=environ, input=given, capture_output=True, text=True, check=False
    )
    path = f"{SYSTEM_PATH}:{SYSTEM_PATH}:/opt/tools"
    assert done.stdout.splitlines() == [
        f"it's \\ back! $x <> <{path}>",
        "HOME=/home/ana",
        f"PATH={path}",
        "/usr",
        "aeb a/b",
        "what was sent",
    ], done.stderr


START_FILE = r"""
echo "Welcome"
export CDPATH=/usr:$HOME POSIXLY_CORRECT=1 TAR_OPTIONS=--strip-components=1 GREP_OPTIONS=-v BLOCK_SIZE=1
export QUOTING_STYLE=c VERSION_CONTROL=numbered lock=mine token=mine lead=mine fields=mine MINE="is it's \"own\""
for tool in cd cp command cut date echo find grep ln mkdir mv printf read readlink rm sed sort stat tar test tr; do
  eval "$tool() { builtin printf 'a function instead of $tool\n'; }"
  export -f "$tool"
done
shopt -s expand_aliases
alias sh=false env=false
PATH=.:tools:$PATH
umask 077
set -u -C
export SHELLOPTS
"""


@pytest.fixture
def hostile(tmp_path, announce):
    """A fresh deploy root of a login whose .bashrc is START_FILE and whose home holds programs named like ours."""
    with OpenSSHServer(tmp_path / "hostile", shell="bash", noisy=True) as server:
        (server.home / ".bashrc").write_text(START_FILE)
        for folder in (".", "tools"):
            (server.home / folder).mkdir(exist_ok=True)
            for tool in ("sh", "tr", "stat", "tar", "rm"):
                (server.home / folder / tool).write_text("#!/bin/sh\necho a program at home; exit 1\n")
                (server.home / folder / tool).chmod(0o755)
        yield announce(server.place(tmp_path / "servers", "hostile"))


def test_a_life_of_an_application_on_a_hostile_login(hostile: Destination, project_factory, engine):
    said = '/bin/echo "$lock $token $lead $fields $MINE $PATH"'
    extra = hook("prepare", f"/bin/echo made > made; {said}") + '[[checks]]\nrun = "/usr/bin/test -f index.html"\n'
    project = project_factory(
        [hostile], {"index.html": "one\n", "a/b": "x", "data/x": "seed"}, deploy={"shared": ["data/"]}, extra=extra
    )
    operator = engine(project)
    operator.deploy(tag="r1")
    expected = {**tree_of(project), b"made": ("file", b"made\n"), b"data": ("link", b"../../shared/data")}
    del expected[b"data/x"]
    assert snapshot(hostile.files / "releases/r1") == expected
    (line,) = [event.line for event in operator.said(HookOutput, on="prepare") if "own" in event.line]
    assert line.startswith('mine mine mine mine is it\'s "own" .:tools:')
    for path in ("releases/r1", "releases/r1/a", "shared/data"):
        assert stat.S_IMODE((hostile.files / path).stat().st_mode) == 0o755
    assert stat.S_IMODE((hostile.files / "releases/r1/index.html").stat().st_mode) == 0o644
    for tag in ("r2", "r3"):
        project.commit({"index.html": f"{tag}\n", "a/b": None, f"a/{tag}": tag})
        operator.deploy(tag=tag)
    operator.rollback("r1")
    operator.prune("r2")
    assert (current(hostile), releases(hostile)) == ("releases/r1", ["r1", "r3"])
    operator.run(PruneRequest(cache=True))
    assert os.listdir(hostile.files / "deploy-cache") == []
    at_rest([hostile])


def test_a_folder_that_cdpath_names_is_not_taken_for_what_is_live(hostile, sshd, project_factory, engine):
    engine(project_factory([sshd])).deploy()
    project = project_factory([hostile])
    operator = engine(project)
    for tag in ("a", "b", "c", "d"):
        project.commit({"index.html": f"{tag}\n"})
        operator.deploy(tag=tag)
    operator.rollback("c")
    operator.fleet.close()
    start = hostile.server.home / ".bashrc"
    start.write_text(f"{START_FILE}\nCDPATH={sshd.root}:{sshd.root}/releases\n")
    operator.run(PruneRequest(keep=1))
    assert (hostile.files / "current/index.html").read_text() == "c\n"
    assert releases(hostile) == ["c", "d"]


def test_a_command_that_never_ran_did_not_pass(tmp_path, announce, project_factory, engine):
    with OpenSSHServer(tmp_path / "ending", shell="bash", noisy=True) as server:
        ending = "case $BASH_EXECUTION_STRING in *turnout_lead*) exit 0 ;; esac\n"
        (server.home / ".bashrc").write_text(ending)
        place = announce(server.place(tmp_path / "servers", "hostile"))
        operator = engine(project_factory([place], extra='[[checks]]\nrun = "echo checked"\n'))
        error = operator.fails(operator.deploy, ServerError)
        operator.fleet.close()
    assert error.title == "the login shell ended with status 0 without running the command"
    assert current(place) == ""


@pytest.mark.parametrize("sh", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("taken", [1, 20, 40, 60, 150, 300])
def test_a_program_whose_beginning_a_start_up_file_has_read_is_not_run(tmp_path, sh, taken):
    """It would run in another folder than it is meant for, and without the lock."""
    eats = f"dd bs=1 count={taken} > /dev/null 2>&1; "
    ran, more = tmp_path / "ran", ":\n" * 200
    ways = {
        reader("MARK"): launch.command("MARK", Command(f"echo >> {ran}", "/root", "/", {}, "token")).text,
        line_by_line("trial"): f"#begin\n{PREPARATION}root=/\necho >> {ran}\n{more}#end\n",
    }
    for program, text in ways.items():
        words = [*shell(sh), f"{eats}{program}"]
        done = subprocess.run(words, input=text, env={"PATH": SYSTEM_PATH}, capture_output=True, text=True, check=False)
        assert not ran.exists() and done.returncode == 3 and "reads standard input" in done.stderr, (done, text)


def test_an_upload_whose_beginning_a_start_up_file_has_read_is_not_begun(tmp_path):
    upload = launch.upload().command
    for taken in (1, 3, len(f"{tmp_path}\n")):
        done = subprocess.run(
            ["sh", "-c", f"dd bs=1 count={taken} > /dev/null 2>&1; {upload}"],
            input=f"{tmp_path}\ntoken\nno\n\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1 and "a start-up file there reads standard input" in done.stderr, done


@pytest.mark.parametrize("leads", [True, False], ids=["leads-its-group", "does-not"])
def test_a_command_has_the_options_that_the_login_exports(tmp_path, leads):
    """Where sh is bash, as on many systems, SHELLOPTS sets them for every shell."""
    sh = tmp_path / "sh"
    sh.symlink_to(need("bash"))
    words = [sh, "-c", launch.LEAD.replace("/bin/sh", str(sh)), reader("MARK")]
    program = launch.command("MARK", Command("echo $-; false; echo on", "/root", "/", {})).text
    environment = {"PATH": SYSTEM_PATH, "SHELLOPTS": "errexit:nounset:noclobber:noglob"}
    ran = subprocess.run(
        words, input=program, env=environment, start_new_session=leads, capture_output=True, text=True, check=False
    )
    _, _, options, *more = ran.stdout.splitlines()
    assert set("efuC") <= set(options), ran
    assert not more and ran.returncode == 1
