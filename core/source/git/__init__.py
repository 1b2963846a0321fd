"""A git repository as a source: a revision is exported into a clean folder of the cache, and built there."""
