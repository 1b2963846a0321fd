"""Turnout under a rig that measures deploy tools: writes a turnout.toml from the RIG_* environment and calls `turnout`.

`rig_deploy.py deploy|rollback`, in the rig's work folder; see rig.toml. Standard library only: any Python runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


def main() -> int:
    environ = dict(os.environ)
    work = Path(environ["RIG_WORK"])
    (work / "turnout.toml").write_text(configuration(environ))
    environ["TURNOUT_SSH_CONFIG"] = environ["RIG_SSH_CONFIG"]
    environ["TURNOUT_CACHE_DIR"] = str(work / "turnout-cache")
    words = ["--ref", environ["RIG_TAG"]] if sys.argv[1] == "deploy" and "TURNOUT_SOURCE" not in environ else []
    command = [environ.get("TURNOUT", "turnout"), sys.argv[1], "rig", *words, "--yes"]
    return subprocess.run(command, cwd=work, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
