# shellcheck shell=sh disable=SC2034,SC2154  # process.sh comes before this file, what uses `unpack` after it
# incoming.sh: what an upload and each lane beside it begin with. First come three lines: the root, the lock's token, UNPACK.
LC_ALL=C
export LC_ALL
umask "${mask:-022}"
own=.turnout
# What is said here, the operator's side reads from standard error.
exec 4>&1 >&2
# No line: it was started ahead and is not wanted.
IFS= read -r root && IFS= read -r token && IFS= read -r unpack || exit 0
# Must be a path: if a start-up file has read one of these lines, the others have moved up.
case $root in /*) ;; *) say "not begun: a start-up file there reads standard input and consumed part of what was sent"; exit 1 ;; esac
case $root in *\\*) root=$(printf '%b_' "$root") && root=${root%_} ;; esac
cd -P "$root" || { say "the deploy root $root is gone, or can no longer be entered"; exit 3; }
held_by "$token"

# ends_with_lock PID: an operation that takes the lock from here on ends this process first: it must not write while
# another operation is running.
ends_with_lock() {
  birth "$1"
  [ -z "$born" ] || say "$1 $born" >> "$own/lock/upload"
}
ends_with_lock $$
held_by "$token"

# in_tree PATH: end this unless a path cannot lead out of a tree.
in_tree() { case /$1/ in */../* | */./* | *//*) say "not a path in a tree: $1"; exit 1 ;; esac; }
