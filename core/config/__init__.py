"""turnout.toml: found, read, checked as a whole, and given as models."""

from core.config.models import Check, Deploy, Environment, Hook, Project, Server, Shared, Source, select
from core.config.reading import FILE_NAME, find, load, parse

__all__ = [
    "FILE_NAME",
    "Check",
    "Deploy",
    "Environment",
    "Hook",
    "Project",
    "Server",
    "Shared",
    "Source",
    "find",
    "load",
    "parse",
    "select",
]
