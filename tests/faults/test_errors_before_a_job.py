"""Before a job begins everything that goes wrong is a message, the right exit code, and a result for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from core.errors import EXIT_CONNECT, EXIT_FAILED, EXIT_PERSON, EXIT_USAGE, CannotRun, NeedsPerson
from core.events import OperationFinished, OperationStarted
from core.fleet import at_once
from core.jobs import Ahead, Job, fault
from tests import REPOSITORY
from tui.cli.unexpected import explained, placed
from tui.view.log import Narrator

CONFIG = """\
project = "shop"
[source]
directory = "tree"
[environments.production]
servers = [{ name = "web", host = "deploy@127.0.0.1", port = 1, root = "/srv/shop" }]
"""
"""Nobody listens on port 1: what gets as far as that ends with 3."""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "shop"
    (folder / "tree").mkdir(parents=True)
    (folder / "tree/index.html").write_text("one\n")
    (folder / "turnout.toml").write_text(CONFIG)
    return folder


def turnout(project, *words, before="", program=("-m", "tui.cli"), **variables):
    """Run the command after a line of shell, with only these variables; the exit code and what it said."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **variables}
    command = [sys.executable, *program, *words]
    done = subprocess.run(
        ["sh", "-c", f'{before or ":"}; exec "$@"', "sh", *command],
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    return done, said


def result_of(done):
    """The last line, which is the result, after at least one error."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["event"] == "result" and lines[-1]["exit_code"] == done.returncode
    assert [line for line in lines if line["event"] == "error"]
    assert done.stderr == b""
    return lines[-1]


BROKEN = {
    "no module": ("raise ImportError('no such thing')", EXIT_USAGE, "ImportError: no such thing"),
    "an error while it is loaded": ("1 / 0", EXIT_USAGE, "ZeroDivisionError"),
    "it leaves": ("import sys; sys.exit(7)", EXIT_USAGE, "SystemExit: 7"),
    "too deep": ("def f(): f()\nf()", EXIT_USAGE, "RecursionError"),
    "no memory": ("raise MemoryError", EXIT_USAGE, "MemoryError"),
    "interrupted": ("raise KeyboardInterrupt", EXIT_FAILED, "interrupted"),
}


@pytest.mark.parametrize("module", ["msgspec", "core/config"])
@pytest.mark.parametrize(("text", "code", "said"), BROKEN.values(), ids=BROKEN)
def test_a_package_that_cannot_be_loaded_is_said(project, tmp_path, module, text, code, said):
    broken = tmp_path / "broken"
    broken.mkdir()
    path = f"{broken}:{REPOSITORY}"
    if module == "core/config":  # the first thing that a command loads of the engine
        (broken / "sitecustomize.py").write_text(
            "import sys\nclass Broken:\n    def find_spec(self, name, *_):\n        if name == 'core.config':\n"
            + "".join(f"            {line}\n" for line in text.splitlines())
            + "sys.meta_path.insert(0, Broken())\n"
        )
    else:
        (broken / f"{module}.py").write_text(text)
    done, _ = turnout(project, "releases", "production", "--json", PYTHONPATH=path)
    result = result_of(done)
    assert done.returncode == code and said in result["summary"]
    done, complaint = turnout(project, "releases", "production", PYTHONPATH=path)
    assert done.returncode == code and said in complaint


PLACES = {
    "no variables at all": ("", {}, EXIT_CONNECT),
    "home is a file": ("", {"HOME": "/etc/hostname"}, EXIT_CONNECT),
    "home is missing": ("", {"HOME": "/nonexistent"}, EXIT_CONNECT),
    "home is empty": ("", {"HOME": ""}, EXIT_CONNECT),
    "home is relative": ("", {"HOME": "x"}, EXIT_CONNECT),
    "the cache is a file": ("", {"XDG_CACHE_HOME": "/etc/hostname"}, EXIT_CONNECT),
    "no such language": ("", {"LC_ALL": "xx_YY.bogus", "LANG": "xx"}, EXIT_CONNECT),
    "another encoding": ("", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, EXIT_CONNECT),
    "bytes in variables": ("export TURNOUT_USER=$(printf '\\377') X=$(printf '\\377\\376')", {}, EXIT_CONNECT),
    "no columns": ("", {"COLUMNS": "0", "LINES": "x", "TERM": ""}, EXIT_CONNECT),
    "few files": ("ulimit -n 16", {}, EXIT_CONNECT),
    "the folder is gone": ('mkdir gone; cd gone; rmdir "$PWD"', {}, EXIT_USAGE),
}


@pytest.mark.parametrize(("before", "variables", "code"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("words", [("releases",), ("deploy", "--yes")], ids=["look", "deploy"])
def test_an_odd_place_is_not_the_fault_of_turnout(project, before, variables, code, words):
    done, said = turnout(project, *words, "production", "--json", before=before, **variables)
    result_of(done)
    assert done.returncode == code, said
    assert "a bug in Turnout" not in said and "Traceback" not in said


NOBODY = 31337
"""A user id without an entry in the user database."""


@pytest.mark.parametrize("words", [("releases",), ("deploy", "--yes"), ("prune", "--yes")], ids=lambda words: words[0])
def test_an_unknown_user_may_use_it(project, tmp_path, words):
    # In the process itself: to start a program as another user needs folders that everybody may enter.
    program = tmp_path / "as_nobody.py"
    program.write_text(
        "import os, sys\nfrom tui.cli import main\n"
        f"os.getuid = os.geteuid = lambda: {NOBODY}\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    for home in ({"HOME": str(tmp_path)}, {"TURNOUT_CACHE_DIR": str(tmp_path)}):
        done, said = turnout(project, *words, "production", "--json", program=(str(program),), **home)
        result_of(done)
        assert done.returncode == EXIT_CONNECT and "Traceback" not in said, said
    done, said = turnout(project, *words, "production", "--json", program=(str(program),))
    assert done.returncode == EXIT_USAGE and "Traceback" not in said
    assert result_of(done)["summary"] == f"no home folder is known for user {NOBODY}"


ODD_FILES = {
    "too deep": b"project = " + b"[" * 20_000,
    "too long a number": b"project = " + b"9" * 5000,
    "not UTF-8": b'project = "\xff"',
    "a zero": b'project = "a\\u0000"',
    "a zero in a command": CONFIG.encode() + b'[[hooks]]\non = "prepare"\nrun = "a\\u0000b"\n',
    "nothing": b"",
}


@pytest.mark.parametrize("text", ODD_FILES.values(), ids=ODD_FILES)
def test_a_file_that_cannot_be_read_is_a_fault_of_the_file(project, text):
    (project / "turnout.toml").write_bytes(text)
    done, said = turnout(project, "releases", "production", "--json")
    result_of(done)
    assert done.returncode == EXIT_USAGE and "turnout.toml" in said and "Traceback" not in said


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "> /dev/full", "> /dev/full 2> /dev/full"])
def test_streams_that_take_nothing_change_no_exit_code(project, closing):
    command = f'"{sys.executable}" -m tui.cli releases production'
    for words in ("", " --json"):
        done, said = turnout(project, before=f"exec {command}{words} {closing}")
        assert done.returncode == EXIT_CONNECT, said
        assert "Traceback" not in said


def raised(error):
    """The error as it is while it is handled."""
    try:
        raise error
    except BaseException as problem:
        return problem


def test_what_is_known_of_the_servers_decides_about_the_exit_code():
    narrator = Narrator()
    before = explained(raised(OSError("no")), narrator)
    assert isinstance(before, CannotRun) and before.exit_code == EXIT_USAGE and before.hint == "nothing was touched"
    narrator.lines(OperationStarted(kind="deploy", environment="production", servers=("web",)))
    during = explained(raised(MemoryError()), narrator)
    assert isinstance(during, NeedsPerson) and during.exit_code == EXIT_PERSON
    assert "turnout recover production" in during.hint
    for outcome, code in (("done", 0), ("failed", 1), ("needs-person", 5)):
        narrator.lines(
            OperationFinished(kind="deploy", outcome=outcome, exit_code=code, seconds=1.0, summary="one is live")
        )
        after = explained(raised(KeyError("x")), narrator)
        assert after.exit_code == code and "one is live" in after.hint


def test_a_fault_before_anything_began_was_not_put_back():
    assert placed(fault(raised(KeyError("uid"))), Narrator()).exit_code == EXIT_USAGE
    begun = Narrator()
    begun.lines(OperationStarted(kind="deploy", environment="production", servers=("web",)))
    assert placed(fault(raised(KeyError("uid"))), begun).exit_code == EXIT_FAILED


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), RecursionError(), KeyError("x")])
def test_no_error_dies_on_a_thread(error):
    def work(*_):
        raise error

    with pytest.raises(Exception, match="a bug in Turnout"):
        Job("x", work).start().result()
    with pytest.raises(Exception, match="a bug in Turnout"):
        Ahead(work).get()
    if isinstance(error, KeyboardInterrupt):
        # One server is asked on the thread that a person's Ctrl-C interrupts.
        with pytest.raises(KeyboardInterrupt):
            at_once(["a"], work)
    for names in (["a"], ["a", "b"])[isinstance(error, KeyboardInterrupt) :]:
        outcome = at_once(names, work)
        assert list(outcome.errors) == names and not outcome.results
