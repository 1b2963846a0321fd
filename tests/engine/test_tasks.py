"""Tasks of turnout.toml and commands that a person types, on all servers of an environment."""

from __future__ import annotations

import os
import signal

from tests.engine.commands import start, turnout, turnout_json
from tests.engine.driving import at_rest, deploy_each
from tests.processes import command_line_of, process_ids
from tests.waiting import PATIENCE, until

TASKS = """
[[tasks]]
name = "where"
run = "echo $TURNOUT_SERVER $TURNOUT_TAG $PWD"

[[tasks]]
name = "status"
run = "test $TURNOUT_SERVER = web1 || exit 7"

[[tasks]]
name = "once"
run = "echo from $TURNOUT_SERVER"
where = "first-server"
confirm = true

[[tasks]]
name = "local"
run = "echo $PWD/$TURNOUT_SERVERS"
where = "operator"
"""


def test_tasks_run_where_they_belong_and_the_history_tells_of_them(pair, project_factory, engine):
    project = project_factory(pair, extra=TASKS)
    deploy_each(engine(project), project, "r1")
    ended = turnout(project, "task", "where")
    lines = [f"{place.alias}  {place.alias} r1 {place.root}/current" for place in pair]
    assert sorted(ended.stdout.splitlines()) == sorted([*lines, "ran task where on 2 servers"])
    assert (ended.returncode, ended.stderr) == (0, "")

    ended = turnout(project, "task", "production", "status")
    assert ended.returncode == 7 and "the task status failed with status 7" in ended.stderr

    code, lines = turnout_json(project, "task", "production", "once")
    assert code == 2 and "cannot ask whether to task" in lines[0]["title"]
    ended = turnout(project, "task", "production", "once", "--yes")
    assert ended.stdout.splitlines() == ["web1  from web1", "ran task once on 1 server"]
    ended = turnout(project, "task", "local")
    assert ended.stdout.splitlines()[0] == f"here  {project.folder}/web1 web2"

    ended = turnout(project, "task", "nothing")
    assert ended.returncode == 2 and "known: where, status, once, local" in ended.stderr
    code, rows = turnout_json(project, "task")
    assert [(row["task"], row["servers"]) for row in rows[:-1]] == [
        ("where", ["web1", "web2"]),
        ("status", ["web1", "web2"]),
        ("once", ["web1"]),
        ("local", []),
    ]
    code, rows = turnout_json(project, "history")
    told = [(row["kind"], row["ran"], row["outcome"], row["exit_code"]) for row in rows[:-1]][:4]
    assert told == [
        ("task", "task local", "done", 0),
        ("task", "task once", "done", 0),
        ("task", "task status", "failed", 7),
        ("task", "task where", "done", 0),
    ]
    assert next(row for row in rows if row.get("ran") == "task status")["by_server"] == {
        "web1": "done",
        "web2": "failed",
    }
    at_rest(pair)


def test_a_command_that_a_person_types(pair, project_factory, engine, monkeypatch):
    monkeypatch.setenv("TOKEN", "s3cr3t-value")
    project = project_factory(pair, extra='[[tasks]]\nname = "secret"\nrun = "echo ${TOKEN}"\n')
    ended = turnout(project, "run", "--server", "web2", "--", "pwd && exit 5")
    assert ended.stdout.splitlines() == [f"web2  {pair[1].root}"] and ended.returncode == 5
    deploy_each(engine(project), project, "r1")
    ended = turnout(project, "run", "production", "--", "printf", "%s\\n", "two words", "$HOME; a 'b'")
    assert sorted(ended.stdout.splitlines())[-4:] == [
        "web1  $HOME; a 'b'",
        "web1  two words",
        "web2  $HOME; a 'b'",
        "web2  two words",
    ]
    for words in (["task", "secret"], ["run", "--", "echo s3cr3t-value"]):
        assert sorted(turnout(project, *words).stdout.splitlines())[-2:] == ["web1  ***", "web2  ***"]
    for words in (["run", "production"], ["run", "--", ""], ["task", "production", "secret", "--", "ls"]):
        ended = turnout(project, *words)
        assert ended.returncode == 2, ended.stderr
    ended = turnout(project, "run", "--timeout", "1s", "--", "sleep 1000")
    assert ended.returncode == 1 and "the command took longer than 1.0 s" in ended.stderr
    at_rest(pair)


def test_a_cancel_ends_the_command_on_every_server(pair, project_factory):
    project = project_factory(pair)
    seconds = f"{10_000_000 + os.getpid()}"
    process = start(project, "run", "--", f"trap '' HUP; echo begun; sleep {seconds} & wait")
    heard = {process.stdout.readline().split()[0] for _ in range(2)}
    assert heard == {"web1", "web2"}
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "cancelled" in err
    until(lambda: not _running(seconds), "the end of the commands")
    at_rest(pair)


def _running(text: str) -> list[int]:
    return [pid for pid in process_ids() if command_line_of(pid).startswith(f"sleep\0{text}\0".encode())]
