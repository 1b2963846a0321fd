"""The themes of the dashboard, and which one a terminal gets."""

from __future__ import annotations

from collections.abc import Mapping

from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="turnout-dark",
    primary="#7cb7ff",
    secondary="#8a94a6",
    accent="#f0b35a",
    success="#63d297",
    warning="#f0b35a",
    error="#ff7b72",
    foreground="#d5dce6",
    background="#10141b",
    surface="#151a23",
    panel="#1c2330",
    dark=True,
    variables={
        "border": "#7cb7ff",
        "border-blurred": "#39445a",
        "block-cursor-background": "#27405f",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1f2836",
        "input-selection-background": "#7cb7ff 35%",
        "scrollbar": "#39445a",
        "scrollbar-hover": "#4d5b75",
        "scrollbar-active": "#7cb7ff",
        "scrollbar-background": "#151a23",
        "scrollbar-background-hover": "#151a23",
        "scrollbar-background-active": "#151a23",
    },
)

LIGHT = Theme(
    name="turnout-light",
    primary="#0b5cad",
    secondary="#5b6675",
    accent="#9a5400",
    success="#0f7a3d",
    warning="#9a5400",
    error="#b42318",
    foreground="#1d2530",
    background="#f6f7f9",
    surface="#ffffff",
    panel="#e9edf2",
    dark=False,
    variables={
        "border": "#0b5cad",
        "border-blurred": "#b9c2ce",
        "block-cursor-background": "#cfe3f9",
        "block-cursor-foreground": "#0d1117",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e9edf2",
        "input-selection-background": "#0b5cad 25%",
        "scrollbar": "#b9c2ce",
        "scrollbar-hover": "#97a3b3",
        "scrollbar-active": "#0b5cad",
        "scrollbar-background": "#ffffff",
        "scrollbar-background-hover": "#ffffff",
        "scrollbar-background-active": "#ffffff",
    },
)

THEMES = (DARK, LIGHT)


def quiet(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """Colours for less important text (`quiet`) and for what is off (`off`), between a theme's text and background."""
    if theme.ansi:
        return {"quiet": "ansi_default", "off": "ansi_bright_black"}
    ground, text = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    return {"quiet": ground.blend(text, 0.62).hex, "off": ground.blend(text, 0.36).hex}


ENVIRONMENTS: Mapping[bool, Mapping[str, str]] = {
    True: {"blue": "#8ab8ff", "violet": "#c0a5ff", "teal": "#5fd0d3", "pink": "#f2a0d8", "slate": "#b3c2d9"},
    False: {"blue": "#0b4f9c", "violet": "#5b2fb0", "teal": "#00595e", "pink": "#8f1d6b", "slate": "#3d4c63"},
}
"""By whether a theme is dark: the colours of environments (tui.view.environment_colour)."""

TINT: Mapping[bool, float] = {True: 0.2, False: 0.1}
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


def choose(environ: Mapping[str, str]) -> str:
    """The name of the theme to start with.

    TURNOUT_THEME names one of Textual's or ours, `dark` and `light` for short. NO_COLOR, and terminals of
    16 colours, get the terminal's own colours: any other theme would send greys.
    """
    if "NO_COLOR" in environ:
        return "ansi-dark"
    wanted = environ.get("TURNOUT_THEME", "")
    wanted = {"dark": DARK.name, "light": LIGHT.name}.get(wanted, wanted)
    if wanted:
        return wanted
    if environ.get("TERM", "") in ("linux", "vt100", "vt220", "dumb", "ansi"):
        return "ansi-dark"
    return DARK.name
