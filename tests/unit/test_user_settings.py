"""settings.toml: what it says is in force, what is wrong is named, and nothing a person wrote is ever lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.errors import UsageError
from tests.servers import free_port
from tests.tui.running import XTERM, recorded_app, shown, toasts, until
from tests.tui.test_terminal import TURNOUT, Tmux
from tui import settings
from tui.cli import main
from tui.commands.registry import KEYS
from tui.keymap import Keymap, check
from tui.settings import FILE, UserSettings, load, memory_of, place_of, read_values, remember, remembered, save_theme


def named(path: Path) -> dict[str, str]:
    return {"TURNOUT_SETTINGS": str(path)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("theme = 3", "theme: must be a text in quotes"),
        ('mouse = "no"', "mouse: must be true or false"),
        ("ascii = 1", "ascii: must be true or false"),
        ("notify = true", "notify: must be a table, [notify]"),
        ('keys = "D"', "keys: must be a table, [keys]"),
        ("notify.bel = true", "notify.bel: not known; did you mean bell?"),
        ('notify.bell = "yes"', "notify.bell: must be true or false"),
        ('colour = "red"', "colour: not known"),
        ('them = "dark"', "them: not known; did you mean theme?"),
        ('keys.undo = "U1"', "keys.undo: 'U1' is not a key"),
        ('keys.undo = ["f8", 3]', "keys.undo: must be a key"),
        ('keys.und = "f8"', "did you mean undo?"),
        ('keys.undo = "D"', "already the key of deploy"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_loses_nothing(tmp_path: Path, text: str, told: str) -> None:
    place = tmp_path / FILE
    place.write_text(text + ("\n" if text.startswith("keys =") else '\nkeys.help = "f9"\n'))
    own = load(named(place))
    keymap = check(own.keys, KEYS, str(place))
    faults = (*own.faults, *keymap.faults)
    assert len(faults) == 1 and told in faults[0] and faults[0].startswith(f"{place}: ")
    assert keymap.changed == ({} if text.startswith("keys =") else {"help": "f9"}), "the rest of the file is taken"
    assert keymap.keys("undo") == Keymap(KEYS).keys("undo"), "what was not taken stays as it was"


async def test_all_faults_are_one_message(tmp_path: Path) -> None:
    place = tmp_path / FILE
    place.write_text('colour = "red"\nkeys.und = "f8"\nkeys.undo = "U1"\n')
    app = recorded_app(environ=named(place))
    async with shown(app):
        (said,) = toasts(app)
    assert said.startswith(f"{place}: colour: not known; ")
    assert said.endswith(". And 2 more: `turnout settings` lists all")


@pytest.mark.parametrize(
    "content", [b"[keys\n", b"\xff", b"a = 1\na = 2\n", b"a = " + b"[" * 5000], ids=["half", "latin-1", "twice", "deep"]
)
def test_a_file_that_cannot_be_read_is_told_and_never_overwritten(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / FILE
    place.write_bytes(content)
    own = load(named(place))
    assert len(own.faults) == 1 and own.faults[0].startswith(f"{place}: ") and not own.keys
    with pytest.raises(UsageError, match="not saved"):
        save_theme(place, "nord")
    assert place.read_bytes() == content and [path.name for path in tmp_path.iterdir()] == [FILE]


def test_where_the_file_is(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place_of(named(tmp_path / "mine.toml")) == tmp_path / "mine.toml"
    assert place_of({}) == home / ".config/turnout" / FILE
    assert load({}) == UserSettings(home / ".config/turnout" / FILE)
    assert "there is no such file" in load(named(tmp_path / "mine.toml")).faults[0], "it was named, so it is missed"
    monkeypatch.setenv("XDG_CONFIG_HOME", "~")
    monkeypatch.setenv("XDG_STATE_HOME", "~")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 3_999_999)  # as in some containers: not in the user database
    assert place_of({}) is None and load({}) == UserSettings(None) and memory_of(tmp_path) is None
    with pytest.raises(UsageError, match="no home folder is known"):
        save_theme(None, "nord")


def test_keys_where_the_first_versions_had_them_are_told(home: Path) -> None:
    old = home / ".config/turnout/keys.toml"
    old.parent.mkdir(parents=True)
    old.write_text("[keys]\n")
    assert load({}).faults == (f"{old} is not read any more: move its [keys] to settings.toml beside it",)
    assert "TURNOUT_KEYS is not read any more" in load({"TURNOUT_KEYS": str(old)}).faults[0]


def test_variables_win_over_the_file() -> None:
    own = UserSettings(None, theme="nord", ascii=True)
    assert own.beside({"TERM": "xterm"}) == {"TERM": "xterm", "TURNOUT_THEME": "nord", "TURNOUT_ASCII": "1"}
    assert own.beside({"TURNOUT_THEME": "light"})["TURNOUT_THEME"] == "light"
    assert UserSettings(None).beside({"TERM": "xterm"}) == {"TERM": "xterm"}


@pytest.mark.parametrize(
    "text",
    [
        settings.SAMPLE,
        "",
        "# only this\n",
        '[keys]\nhelp = "f9"   # mine\n',
        'theme = "light"   # on this laptop\r\n[keys]\r\n',
        "notify.bell = true\n[keys]\n",
        'keys.help = """\ntheme = 1"""\n[notify]\n',
    ],
)
def test_a_theme_is_kept_and_everything_else_stays(tmp_path: Path, text: str) -> None:
    place, link = tmp_path / "dotfiles.toml", tmp_path / FILE
    place.write_bytes(text.encode())
    place.chmod(0o640)
    link.symlink_to(place)
    before = load(named(link))
    save_theme(link, "nord")
    after = load(named(link))
    assert after == replace(before, theme="nord")
    kept = [line for line in text.splitlines() if not line.startswith('theme = "')]
    assert [line for line in place.read_bytes().decode().splitlines() if line in kept and line] == [
        line for line in kept if line
    ]
    assert "on this laptop" not in text or "# on this laptop\r\n" in place.read_bytes().decode()
    assert link.is_symlink() and place.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_not_an_ordinary_file_is_not_replaced(tmp_path: Path) -> None:
    for place in (Path(os.devnull), tmp_path):
        with pytest.raises(UsageError, match="not an ordinary file"):
            save_theme(place, "nord")
    assert not Path(os.devnull).is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not saved"):
        save_theme(tmp_path / "file" / FILE, "nord")


def test_the_environment_that_was_shown_last_is_remembered_for_each_project(home: Path, tmp_path: Path) -> None:
    places = {"staging": 1, "production": 2}
    mine, other = memory_of(tmp_path / "turnout.toml"), memory_of(tmp_path / "other/turnout.toml")
    assert mine is not None and home in mine.parents and remembered(mine, places) == ""
    remember(mine, "production")
    assert (remembered(mine, places), remembered(other, places)) == ("production", "")
    assert remembered(mine, {"staging": 1}) == "", "it is not there any more"
    mine.write_bytes(b"\xff\x00")
    assert remembered(mine, places) == ""
    remember(mine, "staging")
    assert remembered(mine, places) == "staging"
    (tmp_path / "file").write_text("")
    remember(tmp_path / "file/shown", "staging")
    remember(None, "staging")
    assert remembered(tmp_path / "file/shown", places) == remembered(None, places) == ""


async def test_what_the_file_says_is_in_force_and_a_chosen_theme_is_written_there(tmp_path: Path) -> None:
    place = tmp_path / FILE
    place.write_text('theme = "light"  # by day\nascii = true\nfoo = 1\n')
    app = recorded_app(environ={"TURNOUT_SETTINGS": str(place)})
    async with shown(app) as pilot:
        assert app.theme == "turnout-light" and app.has_class("-ascii")
        assert any("foo: not known" in toast.message for toast in app._notifications)
        app.use_theme("nord")
        await until(pilot, lambda: 'theme = "nord"  # by day' in place.read_text(), "the theme in the file")
        place.write_text("[half")
        app.use_theme("gruvbox")
        await until(pilot, lambda: any("not saved" in toast.message for toast in app._notifications), "the reason")
        assert place.read_text() == "[half" and app.theme == "gruvbox"


async def test_a_theme_that_is_not_there_is_told(tmp_path: Path) -> None:
    place = tmp_path / FILE
    place.write_text('theme = "drak"\n')
    app = recorded_app(environ={"TURNOUT_SETTINGS": str(place)})
    async with shown(app):
        assert app.theme == "turnout-dark"
        assert any("did you mean dark?" in toast.message for toast in app._notifications)


def test_the_command_shows_and_writes(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in XTERM.items():
        if name != "TURNOUT_SETTINGS":
            monkeypatch.setenv(name, value)
    place = home / ".config/turnout" / FILE
    assert main(["settings"]) == 0
    assert f"{place}   (not there" in capsys.readouterr().out
    assert main(["settings", "--write"]) == 0 and main(["settings", "--write"]) == 2
    assert "already" in capsys.readouterr().err and place.read_text() == settings.SAMPLE
    assert main(["settings"]) == 0
    place.write_text('theme = "nord"\nnotify.bell = false\nkeys.undo = "Z"\nmouse = false\nwrong = 1\n')
    monkeypatch.setenv("TURNOUT_THEME", "light")
    assert main(["settings"]) == 2
    said = capsys.readouterr()
    assert [line.split() for line in said.out.splitlines()[-6:]] == [
        ["theme", "turnout-light", "TURNOUT_THEME"],
        ["mouse", "false", FILE],
        ["ascii", "false"],
        ["cache", os.environ["TURNOUT_CACHE_DIR"], "TURNOUT_CACHE_DIR"],
        ["notify.bell", "false", FILE],
        ["key", "undo", "Z", FILE],
    ]
    assert said.err.startswith(f"fault: {place}: wrong: not known")


def test_the_command_says_what_is_remembered_of_the_project(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = 'servers = [{{ name = "a", host = "a", root = "/srv/{0}" }}]\n'
    environments = "".join(f"[environments.{name}]\n{server.format(name)}" for name in ("staging", "production"))
    (tmp_path / "turnout.toml").write_text(f'project = "shop"\nsource.git = "."\n{environments}')
    remember(memory_of(tmp_path / "turnout.toml"), "staging")
    assert main(["settings"]) == 0
    assert "opens with staging, which was shown last" in capsys.readouterr().out
    (tmp_path / "turnout.toml").write_text("[")
    assert main(["settings"]) == 2
    said = capsys.readouterr()
    assert "turnout.toml" in said.err and said.out.startswith("file"), "one bad file does not hide the other"


def test_the_dashboard_opens_with_the_environment_that_was_shown_last_and_leaves_the_mouse(
    home: Path, tmp_path: Path
) -> None:
    port = free_port()
    servers = f'servers = [{{{{ name = "a", host = "127.0.0.1", port = {port}, root = "/srv/{{}}" }}}}]'
    text = 'project = "shop"\nsource.git = "."\n' + "".join(
        f"[environments.{name}]\n{servers.format(name)}\n" for name in ("production", "staging")
    )
    (tmp_path / "turnout.toml").write_text(text)
    place = home / ".config/turnout" / FILE
    place.parent.mkdir(parents=True)
    environ = {name: os.environ[name] for name in ("HOME", "TURNOUT_CACHE_DIR")}
    for number, keys in enumerate((["Down", "Enter"], [])):
        folder = tmp_path / str(number)
        folder.mkdir()
        place.write_text(f"mouse = {'true' if keys else 'false'}\n")
        terminal = Tmux(folder, tmp_path, *TURNOUT, **environ)
        try:
            if keys:
                terminal.shows("2 environments")
                terminal.press(*keys)
            terminal.shows("shop ▎staging▎")
            assert terminal.format("#{mouse_any_flag}") == str(int(bool(keys)))
            terminal.press("q")
            assert terminal.ended() == 0
        finally:
            terminal.close()


def test_the_sample_with_every_line_in_force_is_right() -> None:
    import tomllib

    lines = settings.SAMPLE.splitlines()
    text = "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)
    own = read_values(tomllib.loads(text), Path(FILE))
    assert own.faults == () and set(own.notify) == set(settings.NOTIFY)
    assert check(own.keys, KEYS).faults == () and own.theme == "dark"
