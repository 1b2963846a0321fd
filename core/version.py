"""The versions of Turnout and of its JSON, in a module that imports nothing, so that any other can import it (pure)."""

VERSION = "0.1.0"

FORMAT = 1
"""The version of what --json writes, in every object. It counts up when a key goes, or gets another type or meaning; a
new key alone leaves it as it is."""
