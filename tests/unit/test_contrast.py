"""Whether what the dashboard draws can be read, computed from its themes and its style sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from textual.color import Color
from textual.css.styles import Styles
from textual.theme import BUILTIN_THEMES, Theme

from tests.tui.running import STYLE, XTERM
from tui.app import TurnoutApp
from tui.theme import ANSI, CONTRAST, DARK, ENVIRONMENTS, LIGHT, choose, contrast
from tui.view.lines import EDGES, ROLES

TEXT, ENHANCED, MARK = 4.5, 7.0, 3.0
"""WCAG 2.2, 1.4.3, 1.4.6 and 1.4.11: the least contrast of text, and of what is not text but means something."""

OURS = (DARK, LIGHT, CONTRAST)
TEXTUALS = tuple(theme for theme in BUILTIN_THEMES.values() if not theme.ansi)

THEMES = pytest.mark.parametrize("theme", OURS, ids=lambda theme: theme.name)
ALL_THEMES = pytest.mark.parametrize("theme", (*OURS, *TEXTUALS), ids=lambda theme: theme.name)


@cache
def rules(theme: str) -> Mapping[str, Styles]:
    """The rules of our style sheet in a theme, by selector; a later rule adds to an earlier one."""
    app = TurnoutApp(None, environ={**XTERM, "TURNOUT_THEME": theme})
    app.stylesheet.set_variables(app.get_css_variables())
    app.stylesheet.read(STYLE)
    app.stylesheet.parse()
    found: dict[str, Styles] = {}
    for rule in app.stylesheet.rules:
        for selector in rule.selectors.split(","):
            found.setdefault(selector.strip(), Styles()).merge(rule.styles)
    return found


def to_deuteranope(colour: Color) -> Color:
    """How a colour looks without green cones (Machado, Oliveira and Fernandes 2009, severity 1)."""
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    rows = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
    mixed = [min(max(sum(a * b for a, b in zip(row, light, strict=True)), 0), 1) for row in rows]
    parts = [12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055 for part in mixed]
    return Color(*(round(part * 255) for part in parts))


def plain(selector: str) -> bool:
    """Whether a rule is also for terminals that are not of 16 colours and not of ASCII."""
    return not re.search(r"(^|\s|:|\.-?)(ansi|ascii)\b", selector)


def grounds(theme: str) -> Iterator[tuple[str, Color]]:
    """Every background that text of any role is drawn on."""
    for selector, styles in rules(theme).items():
        if styles.has_rule("background") and styles.background.a == 1 and "Button" not in selector and plain(selector):
            yield selector, styles.background


def colour_of_role(theme: str, role: str) -> Color:
    styles = rules(theme).get(f".role--{role}")
    return styles.color if styles is not None and styles.has_rule("color") else rules(theme)["Screen"].color


@ALL_THEMES
def test_every_role_can_be_read_on_every_ground(theme: Theme) -> None:
    least = ENHANCED if theme is CONTRAST else TEXT
    low = [
        f"{role} on {selector}: {contrast(colour_of_role(theme.name, role), ground):.2f}"
        for selector, ground in grounds(theme.name)
        for role in ("", *ROLES)
        if contrast(colour_of_role(theme.name, role), ground) < least
    ]
    assert not low


@ALL_THEMES
def test_selected_text_of_every_role_can_be_read(theme: Theme) -> None:
    least = ENHANCED if theme is CONTRAST else TEXT
    variables = TurnoutApp(None, environ={**XTERM, "TURNOUT_THEME": theme.name}).get_css_variables()
    assert variables["screen-selection-foreground"] == "transparent", "each role keeps its colour"
    for name in ("screen-selection-background", "input-selection-background"):
        ground = Color.parse(variables[name])
        assert ground.a == 1 and contrast(ground, rules(theme.name)["Screen"].background) >= 1.1, "it is seen"
        low = [role for role in ("", *ROLES) if contrast(colour_of_role(theme.name, role), ground) < least]
        assert not low, name


def test_the_measure_of_contrast_is_that_of_wcag() -> None:
    black, white, grey = Color(0, 0, 0), Color(255, 255, 255), Color(0x77, 0x77, 0x77)
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(grey, white) == pytest.approx(4.48, abs=0.01), "the best known grey that just fails"


@ALL_THEMES
def test_what_has_a_ground_of_its_own_can_be_read_on_it(theme: Theme) -> None:
    own = {
        selector: contrast(styles.color, styles.background)
        for selector, styles in rules(theme.name).items()
        if plain(selector) and styles.has_rule("background") and styles.has_rule("color")
    }
    assert {"#buttons Button:focus", ".rows--cursor", "#buttons Button.-risky:focus"} <= set(own)
    panel = rules(theme.name)["#buttons Button"].background
    for selector in ("#buttons Button.-risky", "#buttons Button:disabled"):
        own[selector] = contrast(rules(theme.name)[selector].color, panel)
    assert {selector: ratio for selector, ratio in own.items() if ratio < TEXT} == {}


@ALL_THEMES
def test_the_mark_of_an_environment_is_seen_on_every_ground(theme: Theme) -> None:
    low = [
        f"{role} on {selector}"
        for selector, ground in grounds(theme.name)
        for role in EDGES
        if contrast(colour_of_role(theme.name, role), ground) < MARK
    ]
    assert not low


@ALL_THEMES
def test_environments_can_be_read_on_their_header(theme: Theme) -> None:
    found = rules(theme.name)
    for name in ENVIRONMENTS[theme.dark]:
        colour = found[f"#header.-env-{name} .role--env"].color
        for ground in (found["#header"].background, found[f"#header.-env-{name}.-protected"].background):
            assert contrast(colour, ground) >= TEXT, name


@THEMES
def test_borders_titles_and_bars_can_be_seen(theme: Theme) -> None:
    found = rules(theme.name)
    around = {name: found[name].background for name in (".pane", "#box", "Toast")}
    low = []
    for selector, styles in found.items():
        edges = [styles.get_rule(f"border_{side}") for side in ("top", "left") if styles.has_rule(f"border_{side}")]
        for kind, colour in edges:
            if kind and plain(selector):
                low += [f"{selector} on {at}" for at, ground in around.items() if contrast(colour, ground) < MARK]
        if styles.has_rule("border_title_color"):
            title = styles.border_title_color
            low += [f"{selector} title on {at}" for at, ground in around.items() if contrast(title, ground) < TEXT]
    assert not low


@ALL_THEMES
def test_scroll_bars_can_be_seen(theme: Theme) -> None:
    variables = TurnoutApp(None, environ={**XTERM, "TURNOUT_THEME": theme.name}).get_css_variables()
    colours = {name: Color.parse(value) for name, value in variables.items() if name.startswith("scrollbar")}
    under = {name for name in colours if "background" in name}
    bars = ("scrollbar", "scrollbar-hover", "scrollbar-active")
    assert [(bar, ground) for bar in bars for ground in under if contrast(colours[bar], colours[ground]) < MARK] == []


@ALL_THEMES
def test_what_cannot_be_pressed_is_not_faded_as_a_whole(theme: Theme) -> None:
    styles = rules(theme.name)["#buttons Button:disabled"]
    assert (styles.opacity, styles.text_opacity) == (1, 1), "else its colour is not what was computed above"


@THEMES
def test_warnings_and_errors_differ_for_deuteranopes(theme: Theme) -> None:
    found = rules(theme.name)
    warn, bad = found[".role--warn"], found[".role--bad"]
    assert contrast(to_deuteranope(warn.color), to_deuteranope(bad.color)) >= 1.3
    assert "bold" in str(bad.text_style), "a second sign, for those who see no difference in lightness"


OWN = {
    "ok": "green", "warn": "yellow", "bad": "red", "busy": "cyan", "accent": "magenta",
    "key": "cyan", "rail": "default", "dim": "default", "off": "default", "head": "default", "env": "cyan",
}  # fmt: skip
"""By role: its colour in a terminal of 16. Never black, white or a grey: one of them may be the background."""


@pytest.mark.parametrize("role", OWN)
def test_roles_keep_their_colours_in_16(role: str) -> None:
    colour = rules(ANSI.name)[f".role--{role}"].color
    assert colour.ansi == (-1 if OWN[role] == "default" else NUMBERS[OWN[role]])


NUMBERS = {"red": 1, "green": 2, "yellow": 3, "blue": 4, "magenta": 5, "cyan": 6}


def test_nothing_is_drawn_in_a_grey_of_16() -> None:
    greys = (0, 7, 8, 15)
    for selector, styles in rules(ANSI.name).items():
        colours = [styles.get_rule(name) for name in ("color", "background") if styles.has_rule(name)]
        sides = [f"border_{side}" for side in ("top", "left")]
        colours += [styles.get_rule(side)[1] for side in sides if styles.has_rule(side)]
        assert not [colour for colour in colours if colour.ansi in greys], selector


def test_environments_keep_apart_in_16() -> None:
    colours = {name: rules(ANSI.name)[f"#header.-env-{name} .role--env"].color for name in ENVIRONMENTS[True]}
    assert len({colour.ansi for colour in colours.values()}) == len(colours)
    assert not {colour.ansi for colour in colours.values()} & {1, 2, 3, 9, 10, 11}, "that of right or wrong"


@pytest.mark.parametrize(
    ("environ", "theme"),
    [
        ({"TERM": "screen"}, ANSI),
        ({"TERM": "xterm"}, ANSI),
        ({"TERM": "xterm-16color"}, ANSI),
        ({"TERM": "linux"}, ANSI),
        ({"TERM": "vt220"}, ANSI),
        ({}, ANSI),
        ({"TERM": "screen", "COLORTERM": "truecolor"}, DARK),
        ({"TERM": "linux", "COLORTERM": "24bit"}, DARK),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, ANSI),
        ({"TERM": "xterm-256color"}, DARK),
        ({"TERM": "screen-256color"}, DARK),
        ({"TERM": "xterm-kitty"}, DARK),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, ANSI),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "TURNOUT_THEME": "light"}, ANSI),
        ({"TERM": "screen", "TURNOUT_THEME": "light"}, LIGHT),
        ({"TERM": "xterm-256color", "TURNOUT_THEME": "contrast"}, CONTRAST),
        ({"TERM": "xterm-256color", "TURNOUT_THEME": "ansi"}, ANSI),
    ],
)
def test_the_theme_follows_from_the_terminal(environ: Mapping[str, str], theme: Theme) -> None:
    assert choose(environ) == theme.name
