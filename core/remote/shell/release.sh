# shellcheck shell=sh disable=SC2154,SC2317,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent: releases made, switched to, and removed; only with the lock held.

# switch TOKEN TAG EXPECTED JOURNAL-LINE: point `current` to releases/TAG by one rename, and read it back. EXPECTED is
# the target it must have before ("" for none); if somebody else changed it, it stays as it is. The journal says what is
# going to happen before it does; whether it happened is seen from `current` itself.
# sets: now
verb_switch() {
  named "$2"
  holds "$1"
  phase switch
  { [ -d "releases/$2" ] && [ ! -L "releases/$2" ]; } || fail "releases/$2 does not exist"
  decode "$3"
  now=
  [ -L "$link" ] && now=$(readlink "$link")
  [ -L "$link" ] || [ ! -e "$link" ] || fail "current is not a link"
  [ "$now" = "$decoded" ] || fail "current points to '$now' and not to '$decoded': somebody changed it meanwhile"
  decode "$4"
  remember "$decoded" || fail "cannot write the journal"
  # Also for the release that is live until now: the operation that switched to it may have been killed in between.
  used "${now##*/}"
  form_of "$now"
  replace "$form$2"
  # It was there a moment ago.
  [ -d "$link/." ] || {
    if [ -n "$now" ]; then replace "$now"; else rm -f "$link"; fi
    fail "releases/$2 was removed while current was switched to it: current is as it was"
  }
  used "$2"
}

# used TAG: it is or was live.
used() { [ -z "$1" ] || [ ! -e "$own/manifests/$1.unused" ] || rm -f "$own/manifests/$1.unused"; }

# replace TARGET: one rename(2). `ln -sfn` would remove the link first; `mv` without -T moves into the folder.
replace() {
  next_to_link
  { if [ -e "$next" ] || [ -L "$next" ]; then rm -f "$next"; fi && ln -s "$1" "$next"; } ||
    fail "cannot make a link in $root"
  # The last one reports why it failed; the others would complain about an option that this mv does not have.
  mv -T "$next" "$link" 2> /dev/null || mv -fh "$next" "$link" 2> /dev/null ||
    mv -T "$next" "$link" || fail "cannot rename over current"
  [ "$(readlink "$link")" = "$1" ] || fail "current was not switched"
}

# restore TOKEN TARGET JOURNAL-LINE [FROM]: point `current` back to where it was; "" removes it: there was none. If it
# does not point to FROM, the switch never happened or somebody changed it since: it stays as it is.
verb_restore() {
  holds "$1"
  phase switch
  if [ -n "${4-}" ]; then
    decode "$4"
    [ "$(readlink "$link")" = "$decoded" ] || { say "not switched"; return 0; }
  fi
  decode "$2"
  # The target of an undo comes from a journal, not from this operation's own inspection.
  [ -n "${4-}" ] || {
    form_of "$(readlink "$link")"
    case /${decoded#"$form"}/ in */../* | */./* | *"$newline"*) fail "not a target that current can have: $decoded" ;; esac
    # What this operation switched away from is put back whatever it was; an undo never points to a place that is gone.
    case $decoded in releases/* | "$form"*) [ -d "releases/${decoded##*/}" ] || fail "$decoded does not exist any more" ;; esac
  }
  decode "$3"
  remember "$decoded" || say "the journal was not written"
  decode "$2"
  if [ -n "$decoded" ]; then replace "$decoded"
  elif [ -L "$link" ]; then rm -f "$link"
  fi
}

# withdraw TOKEN TAG [RECORD]: remove a release that this operation made and that never went live, with its record;
# one that had been pruned before keeps its manifest and gets its old RECORD back.
# sets: gone
verb_withdraw() {
  named "$2"
  holds "$1"
  gone=$(readlink "$link")
  [ "${gone##*/}" != "$2" ] || fail "releases/$2 is live"
  # An operation that came after this one had lost its lock may have switched to it.
  [ -n "${3-}" ] || [ ! -e "releases/$2" ] || [ -e "$own/manifests/$2.unused" ] || fail "releases/$2 was live meanwhile"
  # The folder first: a folder without a record would look like another tool's, and its tag could not be used again.
  gone=
  mounts
  linked_into
  [ ! -e "releases/$2" ] || discard "$2" || fail "releases/$2 is kept"
  forget "$own/manifests/$2.unfinished"
  if [ -n "${3-}" ]; then
    decode "$3"
    printf %s "$decoded" > "$own/incoming/record" && place "$own/incoming/record" "$own/records/$2.toml" || exit 1
  else
    forget "$own/records/$2.toml" "$own/manifests/$2.manifest" "$own/manifests/$2.made" "$own/manifests/$2.unused"
  fi
  [ -z "$gone" ] || long erase "$gone"
}

# record TOKEN TAG TEXT: replace a release's record.
verb_record() {
  named "$2"
  holds "$1"
  decode "$3"
  printf %s "$decoded" > "$own/incoming/record" && place "$own/incoming/record" "$own/records/$2.toml"
}

# unrecord TOKEN TAG...: remove the records of releases that were adopted; one of a release that Turnout made has a
# manifest, and stays.
# sets: token tag
verb_unrecord() {
  token=$1
  shift
  named "$@"
  holds "$token"
  phase adopt
  for tag; do
    [ -e "$own/manifests/$tag.manifest" ] || forget "$own/records/$tag.toml" || fail "cannot remove a record"
  done
}

# remove TOKEN FORCE TAG...: prune; the record stays. With FORCE `yes` also what a running process works in. What
# cannot be removed, because it belongs to another user, is named and stays at that place.
# sets: token force tag
verb_remove() {
  token=$1 force=$2
  shift 2
  named "$@"
  holds "$token"
  phase prune
  mounts
  linked_into
  for tag; do
    if pinned "$tag"; then say "kept $tag"
    elif [ "$force" = no ] && busy "$tag"; then say "busy $tag"
    elif ! discard "$tag"; then say "kept $tag"
    elif [ -n "$gone" ]; then
      say "removed $tag"
      throw "$gone" "$tag"
    fi
  done
}

# pin TOKEN TAG TEXT: it is never pruned, until `unpin`. TEXT, one line, says who pinned it and why. The pin is a file
# beside the record, so it stays whatever becomes of the files and of the record.
verb_pin() {
  named "$2"
  holds "$1"
  phase pin
  notice "$own/records/$2.pinned" "$3"
}

# notice FILE TEXT: leave a line there that says who wanted it and why.
notice() {
  decode "$2"
  { say "$decoded" > "$own/incoming/notice" && place "$own/incoming/notice" "$1"; } || fail "cannot write $root/$1"
}

# unpin TOKEN TAG: it is pruned as others are.
verb_unpin() {
  named "$2"
  holds "$1"
  phase unpin
  ! pinned "$2" || rm -f "$own/records/$2.pinned" || fail "cannot remove the pin"
}

# block TOKEN TAG TEXT: undo never goes back to it, until `unblock`. The block is a file beside the record, as a pin is.
verb_block() {
  named "$2"
  holds "$1"
  phase block
  notice "$own/records/$2.blocked" "$3"
}

# unblock TOKEN TAG: undo may go back to it.
verb_unblock() {
  named "$2"
  holds "$1"
  phase unblock
  forget "$own/records/$2.blocked" || fail "cannot remove the block"
}

# freeze TOKEN TEXT: operations that change releases are refused from now on, until `thaw`. TEXT says who froze it and why.
verb_freeze() {
  holds "$1"
  phase freeze
  notice "$own/freeze" "$2"
}

# thaw TOKEN: they are not refused any more.
verb_thaw() {
  holds "$1"
  phase thaw
  forget "$own/freeze" || fail "cannot remove the freeze"
}

# pinned TAG: whether it is never to be pruned.
pinned() { [ -e "$own/records/$1.pinned" ] || [ -L "$own/records/$1.pinned" ]; }

# throw FOLDER NAME: remove it, under a name that it keeps where something in it cannot be removed.
# sets: heap
throw() {
  heap=$own/trash.$2.$$
  case $1 in
    releases/*) heap=$1 ;;
    *) mv -T "$1" "$heap" ;;
  esac && long erase "$heap"
  [ ! -e "$heap" ] || say "left $2"
}

# busy TAG: whether a process has a release as its working directory, where /proc can be read; asks once a request.
# sets: folders
busy() {
  [ -n "${folders-}" ] || folders=$(ls -l /proc/[0-9]*/cwd 2> /dev/null)
  case "$folders$newline" in
    *"-> $(pwd -P)/releases/$1/"* | *"-> $(pwd -P)/releases/$1$newline"*) return 0 ;;
    *) return 1 ;;
  esac
}

# discard TAG, after `mounts` and `linked_into`: out of releases/ by one rename, to where `gone` says ("" for what is not
# there), unless it is live, another link leads to it, or something is mounted in it, which the rename would take along.
# sets: gone
discard() {
  gone=
  { [ -d "releases/$1" ] && [ ! -L "releases/$1" ]; } || { say "missing $1"; return 0; }
  spare "releases/$1"
  ! linked_to "$1" || { say "mv: releases/$1 is kept: the link $path leads to it"; return 1; }
  ! holds_root "releases/$1" || { say "mv: releases/$1 holds another deploy root"; return 1; }
  [ -z "$mounted" ] || {
    mount_in "releases/$1"
    [ -z "$point" ] || { say "mv: releases/$1 is kept: $point is a mount point; unmount it first"; return 1; }
  }
  gone=$own/trash/$1
  [ ! -e "$own/lock/split" ] || gone=releases/.turnout-gone.$1.$$
  mv -T "releases/$1" "$gone" || { gone=; return 1; }
  # Checked once more: what is live can still be entered, and is not what has just been moved.
  if [ ! "$gone" -ef "$link" ] && { [ -z "$live" ] || [ -d "$link/." ]; }; then return 0; fi
  mv -T "$gone" "releases/$1"
  fail "releases/$1 is live, and was put back"
}

# spare FOLDER: end the request if a folder of the root is live or contains what is live, or if what is live is uncertain.
# Three independent checks: where `cd -P` ends up (in `live`), the text of the link, and the folder that the kernel finds.
# They must agree on what is live, and each of them alone is enough to spare it.
# sets: live text base told
spare() {
  live='' text=''
  [ -e "$link" ] || [ -L "$link" ] || return 0
  if [ -L "$link" ]; then
    { text=$(readlink "$link") && [ -n "$text" ]; } || fail "$1 is kept: current cannot be read, so it is not certain what is live"
  fi
  base=$PWD
  if cd -P "$link" 2> /dev/null; then
    live=$PWD
    { cd -P "$base" && [ "$PWD" = "$base" ]; } || fail "$1 is kept: the deploy root cannot be entered again"
    case $text in
      '' | /*) told=${text:-$live} ;;
      *) told=$base/$text ;;
    esac
    case $link in /*) [ "${text#/}" != "$text" ] || told=${link%/*}/$text ;; */*) [ "${text#/}" != "$text" ] || told=$base/${link%/*}/$text ;; esac
    { [ "$live" -ef "$link" ] && [ "$told" -ef "$live" ]; } ||
      fail "$1 is kept: it is not certain what is live: the link says '$text', but it ends in $live"
  fi
  case $live/ in "$base/$1/"*) fail "$1 is live" ;; esac
  case /$text/ in */"$1"/*) fail "$1 is live" ;; esac
  [ ! "$link" -ef "$1" ] || fail "$1 is live"
}

# own TOKEN OURS: what is in deploy-cache is ours from now on, because a person said so; with OURS `no` it is not.
verb_own() {
  holds "$1"
  phase adopt
  if [ "$2" = no ]; then forget "$own/cache.ours"; return; fi
  { [ ! -L "$own/cache.ours" ] && : >> "$own/cache.ours"; } || fail "cannot write in $root/$own"
}

# clear TOKEN: empty the deploy-cache. Its manifest goes first, so that what is half gone is never trusted. A rename
# takes along what is mounted there, and where the cache is a mount point itself there is none.
verb_clear() {
  holds "$1"
  end_uploads
  phase clear-cache
  spare deploy-cache
  mounts
  mount_in deploy-cache
  case $point in
    deploy-cache)
      { rm -f "$own/cache.manifest" "$own/cache.digest" "$own/cache.linked" && empty deploy-cache; } || say "left deploy-cache"
      return 0
      ;;
    ?*) fail "deploy-cache was not cleared: $point is a mount point, and what is mounted there would be removed; unmount it" ;;
  esac
  rm -f "$own/cache.manifest" "$own/cache.digest" && mv -T deploy-cache "$own/trash/deploy-cache" && mkdir deploy-cache || exit 1
  rm -f "$own/cache.linked"
  throw "$own/trash/deploy-cache" deploy-cache
}

# confirm TOKEN LEFT: whether the lock is still ours, and `current` as this operation left it (`as_left`).
verb_confirm() {
  holds "$1"
  as_left "$2"
}

# as_left LEFT: end the request unless `current` is where this operation left it: `=TEXT` is the link's text, "" for no
# link; with `+TEXT` it must also point to a folder; `-` is anything.
# sets: now gone
as_left() {
  [ "$1" != - ] || return 0
  now=
  [ ! -L "$link" ] || now=$(readlink "$link")
  decode "$1"
  case $decoded in
    "=$now") [ -n "$now" ] || [ ! -e "$link" ] && return 0 ;;
    "+$now") [ -d "$link" ] && return 0 ;;
  esac
  encode "$now"
  gone=
  [ -z "$now" ] || [ -e "$link" ] || gone=' gone'
  say "astray $encoded$gone"
  exit 8
}

# finish TOKEN SETTLES JOURNAL-LINE LEFT TAG...: where `current` is as this operation left it, prune TAG..., write the
# journal ("" for none), sweep and unlock; else nothing. SETTLES: see `close`, LEFT: see `as_left`. What is renamed into
# trash/ is removed after the lock is gone; the next operation sweeps it too.
# sets: token settles left end tag file now
verb_finish() {
  token=$1 settles=$2 left=$4
  decode "$3"
  end=$decoded
  shift 4
  named "$@"
  holds "$token"
  as_left "$left"
  phase finish
  [ $# -eq 0 ] || { mounts; linked_into; }
  for tag; do
    if pinned "$tag"; then say "kept $tag"
    elif busy "$tag"; then say "busy $tag"
    elif ( discard "$tag" ) > /dev/null; then say "removed $tag"
    else say "kept $tag"
    fi
  done
  if [ -n "$end" ]; then
    { say "$end" >> "$own/journal.jsonl" && close "$settles" "$end"; } || say "the journal was not written"
    for file in "$own"/manifests/*.unused; do
      [ "$settles" != all ] || [ ! -f "$file" ] || { now=$(readlink "$link") && used "${now##*/}"; break; }
    done
  fi
  unlock and-answer
}

# place FILE NAME: give a finished file its name, by one rename. `mv` alone would move it into a folder of that name, or
# through a link to one; neither is ours, and a link is removed without following it.
place() {
  [ -f "$2" ] || [ ! -e "$2" ] || erase "$2" || return 1
  mv -T "$1" "$2"
}

# forget FILE...: remove our own files. A folder of that name is not ours, and may hold anything.
# sets: place
forget() {
  for place; do
    [ ! -d "$place" ] || [ -L "$place" ] || { erase "$@"; return; }
  done
  rm -f -- "$@"
}
