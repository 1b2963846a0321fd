"""Every JSON object that the command writes with --json, each built in one place (pure).

A line of --json is one object: a row of a module here, or an event of `core.events`. docs/json.md describes them all.
"""
