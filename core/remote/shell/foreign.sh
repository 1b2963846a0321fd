# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent: what other deploy tools left beside releases that have no record of ours. Only what they wrote is
# read, never run; each file within bounds. core/adoption says what it means.

# say_foreign: their signs, marks, revisions and logs, and their locks. Where every release has a record of ours, only
# the locks are looked for, and no program is started.
# sets: place
say_foreign() {
  for place in .dep/deploy.lock deploy.lock; do
    { [ -f "$place" ] && [ ! -L "$place" ]; } || continue
    first_line "$place"
    say "their-lock $place $(stat -c %Y "$place" 2> /dev/null || echo 0) $line"
  done
  [ -z "$live" ] || [ -e "$own/manifests/$live.manifest" ] || say_shared "releases/$live"
  [ -n "$strange" ] || return 0
  for place in .dep repo repo/HEAD repo/.git scm revisions.log cache deploy-cache .env storage shared/.shared-copy; do
    [ ! -e "$place" ] || say "sign $place"
  done
  say_marks
  say_log revisions.log
  say_log .dep/releases_log
}

# say_shared RELEASE: the paths of another tool's live release that are links to the same paths in shared/, a slash behind
# those of folders: the next release is without them where nobody names them. Only folders that the release has, too, are
# gone into: what lies in shared/ is not looked through. No program is started.
# sets: release place number
say_shared() {
  release=$1 number=0
  set -- shared/* shared/.[!.]*
  while [ $# -gt 0 ] && [ "$number" -lt 500 ]; do
    place=${1#shared/} number=$((number + 1))
    shift
    if [ -L "$release/$place" ]; then
      { [ -e "shared/$place" ] && [ "$release/$place" -ef "shared/$place" ]; } || continue
      encode "$place"
      if [ -d "shared/$place" ]; then say "shared-linked $encoded/"; else say "shared-linked $encoded"; fi
    elif [ -d "$release/$place" ] && [ -d "shared/$place" ] && [ ! -L "shared/$place" ]; then
      set -- "$@" "shared/$place"/* "shared/$place"/.[!.]*
    fi
  done
}

# say_marks: of each release without a record, the marks and the revision that a tool left in it.
# sets: release mark_file
say_marks() {
  set --
  for release in releases/* releases/.[!.]*; do
    { [ -d "$release" ] && [ ! -L "$release" ] && [ ! -e "$own/records/${release#releases/}.toml" ]; } || continue
    for mark_file in BAD_RELEASE DIRTY_RELEASE DEPLOY_UNFINISHED; do
      [ ! -e "$release/$mark_file" ] || { encode "${release#releases/}"; say "marked $mark_file $encoded"; }
    done
    for mark_file in REVISION .mina_git_revision; do
      { [ -f "$release/$mark_file" ] && [ ! -L "$release/$mark_file" ]; } && break
      mark_file=
    done
    [ -n "$mark_file" ] || continue
    set -- "$@" "$release/$mark_file"
    [ $# -lt 200 ] || { say_revisions "$@"; set --; }
  done
  [ $# -eq 0 ] || say_revisions "$@"
}

# say_revisions FILE...: the first line of each, if it is small: a longer one is no revision.
say_revisions() { find "$@" -type f -size -8 -exec grep -a -m 1 '' /dev/null {} + 2> /dev/null | cut -c1-400 | sed 's/^/revision /'; }

# revision TOKEN TAG TEXT: leave REVISION in a release that is being made, for another tool; one of its own stays.
# sets: place
verb_revision() {
  named "$2"
  holds "$1"
  place=$own/incoming/$2/REVISION
  { [ ! -e "$place" ] && [ ! -L "$place" ]; } || return 0
  decode "$3"
  printf %s "$decoded" > "$place" || { room; fail "cannot write REVISION"; }
}

# append TOKEN FILE LINE: add a line to another tool's log, in a folder that is there.
verb_append() {
  holds "$1"
  case $2 in revisions.log | .dep/releases_log) ;; *) fail "not a log of another tool: $2" ;; esac
  { [ ! -L "$2" ] && [ ! -L .dep ]; } || fail "$2 is a link"
  [ ! -e "$2" ] || [ -f "$2" ] || fail "$2 is not a file"
  decode "$3"
  case $2 in .dep/*) [ -d .dep ] || mkdir .dep || fail "cannot make .dep" ;; esac
  say "$decoded" >> "$2" || fail "cannot write $2"
}

# say_log FILE: its last lines.
say_log() {
  { [ ! -f "$1" ] || [ -L "$1" ]; } || tail -c 200000 "$1" 2> /dev/null | tail -n 300 | cut -c1-1000 | sed "s:^:log $1 :"
}
