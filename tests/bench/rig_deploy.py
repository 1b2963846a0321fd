"""Turnout under a rig that measures deploy tools: makes a turnout.toml and two scripts from the RIG_* environment.

Run in the rig's work folder; see rig.toml. The scripts only become `turnout`, so that nothing else is measured.
Standard library only: any Python runs it.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path


def configuration(environ: dict[str, str]) -> str:
    """The turnout.toml for the rig's hosts, by their names in its ssh_config."""
    quoted = json.dumps  # a JSON string is a TOML string
    servers = [
        f"{{ name = {quoted(name)}, host = {quoted(name)}, root = {quoted(environ['RIG_DEPLOY_TO'])} }}"
        for name in environ["RIG_NAMES"].split()
    ]
    source = environ.get("TURNOUT_SOURCE", "git")
    tree = f"{source} = {quoted(environ['RIG_APP'])}"
    lines = [
        'project = "rig"',
        "[source]",
        tree,
        "[deploy]",
        f"keep = {environ.get('RIG_KEEP', '5')}",
        "[environments.rig]",
        f"servers = [{', '.join(servers)}]",
    ]
    return "\n".join(lines) + "\n"


def script(command: str, words: str, environ: dict[str, str]) -> str:
    """A shell script that becomes `turnout COMMAND rig`; `words` are more of its words."""
    cache = shlex.quote(f"{environ['RIG_WORK']}/turnout-cache")
    # The rig's own `ssh` is a script that names this ssh_config; what a script says is asked for each time.
    return (
        f"#!/bin/sh\nTURNOUT_CACHE_DIR={cache} TURNOUT_SSH_CONFIG=$RIG_SSH_CONFIG PATH=${{PATH#$RIG_STATE/bin:}}\n"
        "export TURNOUT_CACHE_DIR TURNOUT_SSH_CONFIG\n"
        f'exec "${{TURNOUT:-turnout}}" {command} rig {words}--yes\n'
    )


def main() -> None:
    environ = dict(os.environ)
    work = Path(environ["RIG_WORK"])
    (work / "turnout.toml").write_text(configuration(environ))
    ref = "" if "TURNOUT_SOURCE" in environ else '--ref "$RIG_TAG" '
    for command, words in (("deploy", ref), ("rollback", "")):
        place = work / command
        place.write_text(script(command, words, environ))
        place.chmod(0o755)


if __name__ == "__main__":
    main()
