"""turnout.toml: found, read, checked as a whole, and given as models."""

from core.config.checks import Check
from core.config.deploy import Deploy, Shared
from core.config.hooks import Hook
from core.config.logs import LogSource
from core.config.models import Environment, Project, Server, read_only, select
from core.config.reading import FILE_NAME, find, load, parse
from core.config.source import KINDS, Kind, Source
from core.config.tasks import Task

__all__ = [
    "FILE_NAME",
    "KINDS",
    "Check",
    "Deploy",
    "Environment",
    "Hook",
    "Kind",
    "LogSource",
    "Project",
    "Server",
    "Shared",
    "Source",
    "Task",
    "find",
    "load",
    "parse",
    "read_only",
    "select",
]
