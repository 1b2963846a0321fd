"""The themes of the dashboard, and which one a terminal gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual.color import Color
from textual.theme import Theme


def _edges(primary: str, surface: str, blurred: str) -> dict[str, str]:
    """Variables of borders and scroll bars that are other colours of a theme; `blurred` is theirs without the focus."""
    return {
        "border": primary,
        "border-blurred": blurred,
        "scrollbar": blurred,
        "scrollbar-active": primary,
        "scrollbar-background": surface,
        "scrollbar-background-hover": surface,
        "scrollbar-background-active": surface,
    }


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
        **_edges("#7cb7ff", "#151a23", "#6f7e9a"),
        "block-cursor-background": "#1d3452",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1f2836",
        "scrollbar-hover": "#8390a8",
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
        **_edges("#0b5cad", "#ffffff", "#6d7889"),
        "block-cursor-background": "#c4dcf7",
        "block-cursor-foreground": "#0d1117",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e0e7ef",
        "scrollbar-hover": "#576274",
    },
)

CONTRAST = Theme(
    name="turnout-contrast",
    primary="#8fd3ff",
    secondary="#ffffff",
    accent="#ffe27a",
    success="#7dffa0",
    warning="#ffe27a",
    error="#ffaea6",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    dark=True,
    variables={
        **_edges("#8fd3ff", "#000000", "#b8b8b8"),
        "block-cursor-background": "#002b4d",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#2b2b2b",
        "scrollbar-hover": "#d8d8d8",
    },
)
"""For eyes and screens that need more: every text has at least 7:1 (WCAG 2.2, 1.4.6)."""

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

THEMES = (DARK, LIGHT, CONTRAST, ANSI)


READABLE = 4.5
"""The least contrast of text with what it is drawn on (WCAG 2.2, 1.4.3)."""

QUIET, OFF = 0.78, 0.73
"""How much of the text's colour less important text has, and what is off. Both can be read on every ground."""


def quiet(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """Colours for less important text (`quiet`) and for what is off (`off`), between a theme's text and background."""
    if theme.ansi:
        return {"quiet": "ansi_default", "off": "ansi_default"}
    ground, text = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    shares = (0.92, 0.88) if theme is CONTRAST else (QUIET, OFF)
    return {name: ground.blend(text, share).hex for name, share in zip(("quiet", "off"), shares, strict=True)}


def selection(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """The ground of selected text: that of the row under the cursor, on which every role can be read. Textual's own
    lies over the text's ground half transparent, and takes the contrast from it.
    """
    if theme.ansi:
        return {}
    ground = variables["block-cursor-background"]
    return {"screen-selection-background": ground, "input-selection-background": ground}


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


def readable(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """Colours in place of a theme's own that cannot be read on every ground of ours; none of a theme of ours.

    Textual's themes are made for its own widgets: the colour of a key may be that of the row under the cursor. Grounds
    become shades of the background, and each text goes on towards white or black until it can be read on all of them.
    """
    if theme.ansi or theme in THEMES:
        return {}
    end = Color.parse("#ffffff" if theme.dark else "#000000")
    ground = Color.parse(variables["background"]).blend(end.inverse, 0.4)
    primary, plain = Color.parse(variables["primary"]), Color.parse(variables["foreground"])
    grounds = {
        "background": ground,
        "surface": ground.blend(plain, 0.03),
        "panel": ground.blend(plain, 0.06),
        "block-cursor-background": ground.blend(primary, 0.2),
        "block-cursor-blurred-background": ground.blend(plain, 0.1),
    }
    hues = environment_colours(theme, {name: colour.hex for name, colour in grounds.items()})
    under = [*grounds.values(), *(Color.parse(hue) for name, hue in hues.items() if name.startswith("tint"))]
    text = _until_readable(plain, end, under)
    quieter = quiet(theme, {"background": ground.hex, "foreground": text.hex})
    names = ("foreground", "primary", "secondary", "accent", "success", "warning", "error", "border", "border-blurred")
    texts = {name: _until_readable(Color.parse(variables[name]), end, under).hex for name in names}
    of_environments = {name: Color.parse(hue) for name, hue in hues.items() if name.startswith("env")}
    return {
        **{name: colour.hex for name, colour in grounds.items()},
        **texts,
        **_edges(texts["border"], grounds["surface"].hex, texts["border-blurred"]),
        "scrollbar-hover": texts["border"],
        **{name: _until_readable(Color.parse(hue), text, under).hex for name, hue in quieter.items()},
        **{name: _until_readable(colour, end, under).hex for name, colour in of_environments.items()},
        "block-cursor-foreground": texts["foreground"],
        "block-cursor-text-style": "none",
    }


def _until_readable(colour: Color, end: Color, grounds: Sequence[Color]) -> Color:
    """The colour, or the first on the way to `end` that can be read on all grounds."""
    for step in range(20):
        shade = colour.blend(end, step / 20).rgb
        found = Color(*shade)
        if all(contrast(found, ground) >= READABLE for ground in grounds):
            return found
    return end


def contrast(one: Color, other: Color) -> float:
    """The ratio of two colours' luminances, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def is_ansi(name: str) -> bool:
    """Whether a theme of this name has the terminal's own colours."""
    return name == ANSI.name or name.startswith("ansi")


SHORT = {theme.name.removeprefix("turnout-"): theme.name for theme in THEMES}
"""Our themes by their short names."""


def choose(environ: Mapping[str, str]) -> str:
    """The name of the theme to start with.

    TURNOUT_THEME names one of Textual's or ours, `dark`, `light`, `contrast` and `ansi` for short. NO_COLOR, and
    terminals of 8 and 16 colours, get the terminal's own colours: in those, green and quiet text may be the same grey.
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
