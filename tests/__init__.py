"""The tests: named after what Turnout promises, run against real servers."""
