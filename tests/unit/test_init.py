"""`turnout init` writes a turnout.toml that is right, and never over an existing file."""

import argparse
import io
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import KINDS, Server, load, parse
from core.errors import UsageError
from core.jobs import Cancel
from core.settings import Settings
from core.source import make_tree
from tui.cli.init import add_arguments, parse_server, run, write
from tui.cli.init_text import Answers, render

SERVER = Server(name="web1", host="deploy@web1.example.com", root="/srv/shop")


class Terminal(io.StringIO):
    """Standard input that a person types on."""

    def isatty(self) -> bool:
        return True


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def asked(folder: Path, answers: str, *words: str) -> tuple[int, str]:
    stdout = io.StringIO()
    return run(arguments(*words), Terminal(answers), stdout, folder), stdout.getvalue()


def test_flags_alone_make_a_file_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--project", "shop", "--git", ".", "--environment", "staging", "--keep", "5"]
    words += ["--server", "web1=deploy@web1.example.com:2222/srv/shop", "--server", "web2=web2/srv/shop/"]
    assert run(arguments(*words), io.StringIO(), folder=tmp_path) == 0
    project = load(tmp_path / "turnout.toml", Settings(environ={}))
    assert (project.project, project.source.git, project.deploy.keep) == ("shop", ".", 5)
    assert project.environment("staging").servers == (
        Server(name="web1", host="deploy@web1.example.com", root="/srv/shop", port=2222),
        Server(name="web2", host="web2", root="/srv/shop"),
    )
    assert "turnout doctor staging" in capsys.readouterr().out


def proposed(folder: Path) -> tuple[str, str]:
    """The kind and place of the source that is proposed for a folder."""
    flags = arguments("--server", "web1=web1/srv/shop", "--yes")
    made = write(folder / "turnout.toml", flags, Terminal(), io.StringIO())
    (folder / "turnout.toml").unlink()
    return made.source, made.place


@pytest.fixture
def repository(tmp_path: Path, home: Path) -> Path:
    """A repository with services/shop/index.html and an ignored folder of what was built."""
    folder = tmp_path / "all"
    (folder / "services/shop/src").mkdir(parents=True)
    (folder / "services/shop/src/index.html").write_text("one")
    (folder / "services/shop/built/site").mkdir(parents=True)
    (folder / "services/shop/built/site/index.html").write_text("one")
    (folder / ".gitignore").write_text("built/\n")
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, stdin=subprocess.DEVNULL)


def test_a_folder_in_a_repository_is_proposed_as_git_and_deploys_that_folder(repository: Path):
    folder = repository / "services/shop"
    assert proposed(folder) == ("git", ".")
    assert proposed(folder / "src") == ("git", ".")
    run(arguments("--server", "web1=web1/srv/shop", "--yes"), io.StringIO(), folder=folder)
    tree = make_tree(load(folder / "turnout.toml", Settings()), None, [].append, Cancel())
    assert set(tree.manifest.entries) == {b"src", b"src/index.html"}


def test_what_a_repository_ignores_is_proposed_as_a_directory(repository: Path):
    assert proposed(repository / "services/shop/built/site") == ("directory", ".")
    (repository / ".gitignore").write_text("/made/\n")
    (repository / "made/dist").mkdir(parents=True)
    (repository / "made/a").write_text("x")
    assert proposed(repository / "made") == ("directory", "dist")
    git(repository, "add", "--force", "made/a")
    assert proposed(repository / "made") == ("git", "."), "git keeps a file of it all the same"


def test_a_new_folder_of_a_repository_is_git_before_anything_is_added(repository: Path, tmp_path: Path):
    (repository / "new/public").mkdir(parents=True)
    assert proposed(repository / "new") == ("git", ".")
    (repository / "new/app.py").write_text("x")
    assert proposed(repository / "new") == ("git", ".")
    (tmp_path / "link").symlink_to(repository / "new")
    assert proposed(tmp_path / "link") == ("git", "."), "as git sees it"
    git(tmp_path, "init", "-q", "empty")
    (tmp_path / "empty/site").mkdir()
    assert proposed(tmp_path / "empty/site") == ("git", "."), "no commit yet"


def test_work_trees_submodules_and_bare_repositories_are_git(repository: Path, tmp_path: Path):
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    assert proposed(tmp_path / "tree/services/shop") == ("git", ".")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "module")
    assert proposed(repository / "module") == ("git", ".")
    assert proposed(repository / "module/services/shop") == ("git", ".")
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert proposed(tmp_path / "bare.git") == ("git", ".")


def test_a_repository_that_git_refuses_or_that_is_none_is_distinguished(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    (tmp_path / "beside/dist").mkdir(parents=True)
    assert proposed(tmp_path / "beside") == ("directory", "dist"), "another repository is none of its business"
    (tmp_path / "beside/.git").mkdir()
    assert proposed(tmp_path / "beside/dist") == ("directory", "."), "an empty folder of that name is no repository"
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("")
    assert proposed(repository / "services/shop") == ("git", ".")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert proposed(repository / "services/shop") == ("git", ".")


def test_defaults_come_from_the_folder(tmp_path: Path):
    folder = tmp_path / "My shop (new)"
    (folder / "dist").mkdir(parents=True)
    flags = arguments("--server", "web1=web1/srv/shop", "--yes")
    without_git = write(folder / "a.toml", flags, Terminal(), io.StringIO())
    assert (without_git.project, without_git.source, without_git.place) == ("My-shop-new", "directory", "dist")
    (folder / ".git").mkdir()
    with_git = write(folder / "b.toml", flags, Terminal(), io.StringIO())
    assert (with_git.source, with_git.place, with_git.environment, with_git.keep) == ("git", ".", "production", 10)


def test_a_person_is_asked_for_what_no_flag_gives(tmp_path: Path):
    words = ["--project", "shop", "--git", "app", "--environment", "staging", "--keep", "7"]
    code, shown = asked(tmp_path, "ana@web1\n/srv/shop\nfirst\n\n", *words)
    assert code == 0, shown
    asked_for = shown.partition("\n")[2].partition("wrote ")[0]
    assert asked_for == (
        "SSH destination of the first server (user@host or user@host:port): "
        "Its folder for this project [/srv/shop]: "
        "Its name on the screen [web1]: "
        "SSH destination of one more server (Enter: no more): "
    )
    project = load(tmp_path / "turnout.toml", Settings(environ={}))
    assert (project.project, project.source.git, project.deploy.keep) == ("shop", "app", 7)
    assert project.environment("staging").servers == (Server(name="first", host="ana@web1", root="/srv/shop"),)


def test_enter_takes_the_defaults(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    code, shown = asked(tmp_path, "\n\n\n\ndeploy@web1.example.com:2222\n\n\nweb2\n/srv/two\n\n\n\n")
    assert code == 0, shown
    project = load(tmp_path / "turnout.toml", Settings(environ={}))
    name = project.project
    assert f"Name of the project [{name}]" in shown
    assert project.source.git == "."
    assert project.environment("production").servers == (
        Server(name="web1", host="deploy@web1.example.com", port=2222, root=f"/srv/{name}"),
        Server(name="web2", host="web2", root="/srv/two"),
    )
    assert project.deploy.keep == 10


def test_a_bad_answer_is_refused_with_the_reason_and_asked_again(tmp_path: Path):
    answers = ["my shop", "shop", "svn", "d", "", "prod/1", "prod", "", "a b", "ana@web1:99999", "ana@web1"]
    answers += ["srv", "/srv/shop", "", "web1", "/srv/shop2", "web1", "web2", "", "0", "ten", "3"]
    code, shown = asked(tmp_path, "\n".join(answers) + "\n")
    assert code == 0, shown
    project = load(tmp_path / "turnout.toml", Settings(environ={}))
    assert (project.project, project.source.directory, project.deploy.keep) == ("shop", ".", 3)
    assert project.source.exclude == ("/turnout.toml", ".env")
    assert [(s.name, s.root) for s in project.environment("prod").servers] == [
        ("web1", "/srv/shop"),
        ("web2", "/srv/shop2"),
    ]
    for reason in [
        '"my shop" is not a valid name',
        "answer git, directory or archive",
        '"prod/1" is not a valid name',
        "must not be empty",
        "must not contain white space",
        '"99999" is not a port',
        '"srv" must be an absolute path',
        '"web1" is already the name of another server',
        "0 is not a number of releases",
        "ten is not a number of releases",
    ]:
        assert shown.count(reason) == 1, reason


def test_answers_that_end_leave_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, _ = asked(tmp_path, "shop\n")
    assert code == 2
    assert "no file was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_left_as_it_is_and_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "turnout.toml").write_text("mine")
    code, shown = asked(tmp_path, "", "--server", "web1=web1/srv/shop")
    assert (code, shown) == (2, "")
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "turnout.toml").read_text() == "mine"


def test_a_dangling_link_counts_as_an_existing_file(tmp_path: Path):
    (tmp_path / "turnout.toml").symlink_to(tmp_path / "elsewhere")
    assert asked(tmp_path, "", "--server", "web1=web1/srv/shop", "--yes")[0] == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_appears_while_questions_are_answered_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "turnout.toml"

    class Slow(Terminal):
        def readline(self, *_: object) -> str:
            path.write_text("theirs")
            return "\n"

    with pytest.raises(UsageError, match="already exists"):
        write(path, arguments("--server", "web1=web1/srv/shop"), Slow(), io.StringIO())
    assert path.read_text() == "theirs"


def test_every_wrong_flag_is_reported_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--project", "my shop", "--git", os.fsdecode(b"\xff"), "--environment", "a b", "--keep", "0"]
    words += ["--server", "web1", "--server", "web1=web1:0/srv", "--server", "web1=web1/"]
    assert asked(tmp_path, "", *words)[0] == 2
    complaint = capsys.readouterr().err
    for fault in [
        '--project: "my shop" is not a valid name',
        "--git: is not UTF-8 text",
        '--environment: "a b" is not a valid name',
        "--keep: 0 is not a number of releases",
        '--server: "web1" is not NAME=USER@HOST:PORT/ROOT',
        '--server: "0" is not a port',
        "--server: must not be the root of the file system",
    ]:
        assert fault in complaint
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_a_server_must_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(arguments(), io.StringIO("shop\n"), io.StringIO(), tmp_path) == 2
    assert "no server is given" in capsys.readouterr().err


def test_servers_that_are_one_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--server", "web1=web1/srv/shop", "--server", "web2=web1:22/srv/shop/", "--yes"]
    assert asked(tmp_path, "", *words)[0] == 2
    assert "the same host, port and root" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert asked(tmp_path / "none", "", "--server", "web1=web1/srv/shop", "--yes")[0] == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "host", "port", "root"),
    [
        ("w=web1/srv", "web1", None, "/srv"),
        ("w=ana@web1:22/srv/a=b", "ana@web1", 22, "/srv/a=b"),
        ("w=web1:/srv", "web1", None, "/srv"),
        ("w=ana@[2001:db8::1]:2222/srv", "ana@2001:db8::1", 2222, "/srv"),
        ("w=2001:db8::1/srv", "2001:db8::1", None, "/srv"),
    ],
)
def test_forms_of_a_server(text: str, host: str, port: int | None, root: str):
    assert parse_server(text) == Server(name="w", host=host, port=port, root=root)


def test_every_commented_key_is_right_when_the_comment_is_removed():
    text = render(Answers(project="shop", source="git", place=".", servers=(SERVER,)))
    bare, count = re.subn(r"^# (?=\[\[|[a-z]+ = )", "", text, flags=re.MULTILINE)
    project = parse(bare, Path("turnout.toml"), Settings(environ={}))
    assert count == 13
    assert (project.source.ref, project.source.publish, project.deploy.shared) == ("main", "dist", ("storage/", ".env"))
    assert (len(project.hooks), len(project.checks), project.environment("production").protected) == (1, 1, True)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


@given(project=names, environment=names, place=texts, folder=texts, name=names, port=st.integers(1, 65535) | st.none())
def test_any_value_comes_back_from_the_file(
    project: str, environment: str, place: str, folder: str, name: str, port: int | None
):
    root = "/srv/" + re.sub(r"\.\.|[~$]", "_", folder)  # a root may not look as if a shell read it
    server = Server(name=name, host="ana@web1", root=root, port=port, identity=f"~/{folder}/id")
    for keep, kind in enumerate(KINDS, start=3):
        answers = Answers(
            project=project, source=kind, place=f"./{place}/x", environment=environment, servers=(server,), keep=keep
        )
        made = parse(render(answers), Path("turnout.toml"), Settings(environ={}))
        assert (made.project, made.source.kind, made.source.place) == (project, kind, answers.place)
        assert made.deploy.keep == keep
        assert made.environment(environment).servers == (server,)
        assert made.keeper.mask.secrets == frozenset()


@given(st.text())
def test_any_flag_makes_a_file_that_holds_it_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.mktemp("init") / "turnout.toml"
    flags = arguments("--server", "web1=web1/srv/shop", "--yes", f"--directory={text}")
    try:
        write(path, flags, Terminal(), io.StringIO())
    except UsageError as error:
        assert "--directory: " in error.detail
        assert not path.exists()
    else:
        assert load(path, Settings(environ={})).source.directory == text
