"""Tar streams: `reader` unpacks what `git archive` writes, `writer` packs what is sent to servers."""
