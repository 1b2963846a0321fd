"""The themes of the dashboard, and which one a terminal gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="turnout-dark",
    primary="#7cb7ff",
    secondary="#9aa5b8",
    accent="#f4bb64",
    success="#63d297",
    warning="#f4bb64",
    error="#ff7b72",
    foreground="#d5dce6",
    background="#10141b",
    surface="#151a23",
    panel="#1c2330",
    dark=True,
    variables={
        "border": "#7cb7ff",
        "border-blurred": "#6f7e9a",
        "block-cursor-background": "#1d3452",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1f2836",
        "input-selection-background": "#7cb7ff 35%",
        "scrollbar": "#6f7e9a",
        "scrollbar-hover": "#8390a8",
        "scrollbar-active": "#7cb7ff",
        "scrollbar-background": "#151a23",
        "scrollbar-background-hover": "#151a23",
        "scrollbar-background-active": "#151a23",
    },
)

LIGHT = Theme(
    name="turnout-light",
    primary="#0b5cad",
    secondary="#4e5866",
    accent="#8a4a00",
    success="#0b6532",
    warning="#8a4a00",
    error="#84090f",
    foreground="#1d2530",
    background="#f6f7f9",
    surface="#ffffff",
    panel="#e9edf2",
    dark=False,
    variables={
        "border": "#0b5cad",
        "border-blurred": "#6d7889",
        "block-cursor-background": "#c4dcf7",
        "block-cursor-foreground": "#0d1117",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e0e7ef",
        "input-selection-background": "#0b5cad 25%",
        "scrollbar": "#6d7889",
        "scrollbar-hover": "#576274",
        "scrollbar-active": "#0b5cad",
        "scrollbar-background": "#ffffff",
        "scrollbar-background-hover": "#ffffff",
        "scrollbar-background-active": "#ffffff",
    },
)

ANSI = Theme(
    name="turnout-ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_default",
    accent="ansi_magenta",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "surface": "ansi_default",
        "panel": "ansi_default",
        "border": "ansi_cyan",
        "border-blurred": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-background": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "scrollbar": "ansi_cyan",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)
"""The terminal's own colours, for terminals of 8 or 16. Its background may be black, white or any grey: none of them is
named here, and no bright colour, for some palettes have their greys there."""

THEMES = (DARK, LIGHT, ANSI)


QUIET, OFF = 0.78, 0.73
"""How much of the text's colour less important text has, and what is off. Both can be read on every ground."""


def quiet(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """Colours for less important text (`quiet`) and for what is off (`off`), between a theme's text and background."""
    if theme.ansi:
        return {"quiet": "ansi_default", "off": "ansi_default"}
    ground, text = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    return {"quiet": ground.blend(text, QUIET).hex, "off": ground.blend(text, OFF).hex}


ENVIRONMENTS: Mapping[bool, Mapping[str, str]] = {
    True: {"blue": "#8ab8ff", "violet": "#c0a5ff", "teal": "#5fd0d3", "pink": "#f2a0d8", "slate": "#b3c2d9"},
    False: {"blue": "#0b4f9c", "violet": "#5b2fb0", "teal": "#00595e", "pink": "#8f1d6b", "slate": "#3d4c63"},
}
"""By whether a theme is dark: the colours of environments (tui.view.environment_colour)."""

TINT: Mapping[bool, float] = {True: 0.16, False: 0.1}
"""How much of an environment's colour the header has where the environment is protected; by whether a theme is dark."""


def environment_colours(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """`env-blue` and so on for the name of an environment, `tint-blue` for the header of a protected one."""
    if theme.ansi:
        names = {"blue": "blue", "violet": "bright_magenta", "teal": "cyan", "pink": "magenta", "slate": "bright_blue"}
        out = {f"env-{name}": f"ansi_{colour}" for name, colour in names.items()}
        return out | {f"tint-{name}": "ansi_default" for name in names}
    colours, ground = ENVIRONMENTS[theme.dark], Color.parse(variables["background" if theme.dark else "surface"])
    tints = {
        f"tint-{name}": ground.blend(Color.parse(colour), TINT[theme.dark]).hex for name, colour in colours.items()
    }
    return {f"env-{name}": colour for name, colour in colours.items()} | tints


def is_ansi(name: str) -> bool:
    """Whether a theme of this name has the terminal's own colours."""
    return name == ANSI.name or name.startswith("ansi")


SHORT = {"dark": DARK.name, "light": LIGHT.name, "ansi": ANSI.name}
"""Our themes by their short names."""


def choose(environ: Mapping[str, str]) -> str:
    """The name of the theme to start with.

    TURNOUT_THEME names one of Textual's or ours, `dark`, `light` and `ansi` for short. NO_COLOR, and terminals of
    8 and 16 colours, get the terminal's own colours: in those, green and quiet text may be the same grey.
    """
    if "NO_COLOR" in environ:
        return ANSI.name
    wanted = environ.get("TURNOUT_THEME", "")
    wanted = SHORT.get(wanted, wanted)
    return wanted or (DARK.name if _has_many_colours(environ) else ANSI.name)


def fault(name: str, known: Iterable[str]) -> str:
    """What to say of a theme that is not there; "" where it is."""
    if name in known:
        return ""
    from core.names import nearest

    there = (*SHORT, *sorted(set(known) - set(SHORT.values())))
    near = nearest(name, list(there))
    return f"there is no theme {name!r}; " + (f"did you mean {near}?" if near else f"there are {', '.join(there)}")


def _has_many_colours(environ: Mapping[str, str]) -> bool:
    """Whether the terminal has 256 colours or more, by the rules of Rich, which writes them (`rich.console`)."""
    term = environ.get("TERM", "").strip().lower()
    if term in ("dumb", "unknown"):
        return False
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return True
    return term.rpartition("-")[2] in ("256color", "kitty")
