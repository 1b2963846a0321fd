# shellcheck shell=sh disable=SC2154,SC2317,SC2015,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent: releases made, switched to, and removed; only with the lock held.

# stage TOKEN TAG COPY DIGEST SHAPE COMPLETE RECORD SHARED...: the upload is whole: make the cache's new manifest, copy
# the cache into incoming/TAG, prove that the copy is complete, link the shared paths; with COMPLETE yes rename it into
# releases/ (else hooks come first). DIGEST is the manifest's, SHAPE that of what `shape` has to print. Where the shape
# is another one, it is told in lines `shape LINE`, with status 7. So it is where the server has no program for a
# digest: the operator's side compares then, and asks for `complete`.
# If it dies, incoming/ is swept; the cache keeps its manifest, which is renamed into place before the copy.
verb_stage() {
  named "$2"
  holds "$1"
  phase stage
  tag=$2 complete=$6 record=$7 merged='' vouch=
  if [ -f "$own/incoming/gone" ]; then
    merged=yes
    { comm -23 "$own/incoming/manifest.old" "$own/incoming/gone" | sort -m - "$own/incoming/added"; } > "$own/incoming/manifest" ||
      { room; fail "cannot write the manifest of deploy-cache"; }
  fi
  if [ -f "$own/incoming/manifest" ]; then
    digest "$own/incoming/manifest"
    # What came whole needs no digest; what was merged here counts only with it.
    [ "$sum" = "$4" ] || [ -z "$sum$merged" ] || fail "what arrived in deploy-cache is not what was sent"
    # What the manifest vouches for has to outlive the power as well.
    long sync -f deploy-cache 2> /dev/null || long sync
    place "$own/incoming/manifest" "$own/cache.manifest" || fail "cannot write the manifest of deploy-cache"
    vouch=yes
  else
    digest "$own/cache.manifest"
    [ "$sum" = "$4" ] || fail "deploy-cache is not as the plan saw it"
  fi
  [ ! -e "releases/$tag" ] || fail "releases/$tag exists already"
  copier "$3"
  [ "$3" != hardlink ] || [ -e "$own/cache.linked" ] || { : > "$own/cache.linked" && vouch=yes; } || { room; exit 1; }
  # Beside the copy, which changes nothing that `traces` looks at.
  if [ -n "$vouch" ]; then
    { traces && say "$sum $trace"; } > "$own/incoming/digest" 2> /dev/null &
    vouch=$!
  fi
  case $5 in modes-*) modes=yes ;; *) modes=no ;; esac
  copy_cache "$own/incoming/$tag" "$modes"
  copied=$?
  [ -z "$vouch" ] || { wait "$vouch"; place "$own/incoming/digest" "$own/cache.digest"; } || fail "cannot write the manifest of deploy-cache"
  [ "$copied" -eq 0 ] || { room; exit 1; }
  # The cache may be closed to others; a release may not, whoever else serves it.
  chmod 755 "$own/incoming/$tag" 2> /dev/null
  prove "$tag" "$5"
  ln "$own/cache.manifest" "$own/incoming/$tag.manifest" 2> /dev/null ||
    cp "$own/cache.manifest" "$own/incoming/$tag.manifest" || { room; exit 1; }
  decode "$record"
  printf %s "$decoded" > "$own/incoming/$tag.toml" || { room; fail "cannot write the record"; }
  shift 7
  for word; do
    decode "$word"
    link_shared "$own/incoming/$tag" "$decoded" || { room; fail "cannot link the shared path $decoded"; }
  done
  if [ "$complete" = yes ]; then put_in_place "$tag"; return; fi
  # Hooks see the shared paths where they will be: ../../shared leads from incoming/TAG as it does from releases/TAG.
  [ "$(readlink "$own/shared")" = ../shared ] || { rm -f "$own/shared" && ln -s ../shared "$own/shared"; } || { room; exit 1; }
  if command -v comm > /dev/null 2>&1 && find "$own" -prune -printf '' 2> /dev/null; then
    ( cd "$own/incoming/$tag" && marks ) > "$own/incoming/$tag.before"
  fi
}

# copy_cache FOLDER MODES: copy the deploy-cache to a folder that is made, and list the copy in FOLDER.0 and FOLDER.1, as
# `shape` does. Two processes share the work, for a server has more than one processor.
copy_cache() {
  mkdir "$1" || return 1
  copy_half 0 "$root/$1" "$2" > "$1.0" &
  child=$!
  copy_half 1 "$root/$1" "$2" > "$1.1" &
  second=$!
  first=$child child="$child $second"
  wait "$first" || { wait "$second"; return 1; }
  wait "$second"
}

# copy_half TURN FOLDER MODES: copy a half of the deploy-cache, and print the shape of the copy.
copy_half() {
  child=
  # shellcheck disable=SC2086  # one process or two
  trap '[ -z "$child" ] || kill $child 2> /dev/null; exit 143' TERM
  cd -P deploy-cache && half "$1" copy_part "$2" "$3"
}

# copy_part FOLDER MODES ENTRY...
copy_part() {
  into=$1 modes=$2
  shift 2
  # shellcheck disable=SC2086  # options, split on purpose
  long cp $copy "$@" "$into" && cd -P "$into" && long shape "$modes" "$@"
}

# prove TAG SHAPE: whether the copy in incoming/ has every path with its kind, size, target and execute bit, and no other;
# SHAPE `modes-…`: and what is private is so there.
# The deploy-cache it was made from is not what its manifest says then, and is compared next time.
prove() {
  sort "$own/incoming/$1.0" "$own/incoming/$1.1" > "$own/incoming/$1.shape" || { room; fail "cannot list what was copied"; }
  digest "$own/incoming/$1.shape"
  [ "$sum" != "${2#modes-}" ] || return 0
  sed 's/^/shape /' "$own/incoming/$1.shape"
  if [ -z "$sum" ]; then complete=no
  else
    rm -f "$own/cache.manifest"
    exit 7
  fi
}

# place FILE NAME: give a finished file its name, by one rename. `mv` alone would go through a link that lies there to
# a folder, or into a folder; neither is anything of ours, and a link is removed without following it.
place() {
  [ -f "$2" ] || [ ! -e "$2" ] || erase "$2" || return 1
  mv -T "$1" "$2"
}

# copier: the options with which `cp` copies a tree as it is, sharing blocks where the file system can.
copier() {
  copy=-a
  [ "$1" = hardlink ] && copy=-al && return
  case $(cp --help 2>&1) in *--reflink*) copy='-a --reflink=auto' ;; esac
}

# link_shared FOLDER PATH: replace PATH in a release by a link to shared/PATH. What the release brings seeds shared/
# where it is missing there; a trailing slash means a folder, which is made where nobody brings one. shared/ itself and
# what has the name of a shared path may be links that a person made; nothing is made through one.
link_shared() {
  path=${2%/}
  up=../../shared/
  rest=$path inside=$1 beside=shared
  while case $rest in */*) true ;; *) false ;; esac; do
    inside=$inside/${rest%%/*} beside=$beside/${rest%%/*}
    [ ! -L "$inside" ] || { say "${inside#"$1/"} is a link in the release: what is shared below it would lie elsewhere"; return 1; }
    [ ! -L "$beside" ] || { say "$beside is a link: what is below it would lie outside the deploy root"; return 1; }
    up=../$up
    rest=${rest#*/}
  done
  case $path in */*) mkdir -p "$1/${path%/*}" || return 1 ;; esac
  [ -e "shared/$path" ] || [ -L "shared/$path" ] || seed "$1" "$path" "$2" || return 1
  rm -rf "${1:?}/$path" && ln -s "$up$path" "$1/$path"
}

# put_in_place TAG: the release is complete: its files reach the disk, then its record and its folder get their names, each
# by one rename. Where releases/ is on another file system than incoming/, `mv` copies: under another name first.
put_in_place() {
  long sync -f "$own/incoming/$1" 2> /dev/null || long sync
  [ ! -e "releases/$1" ] && [ ! -L "releases/$1" ] || fail "releases/$1 exists already"
  # Until it is switched to, it is no release that anybody would go back to by "the previous one".
  [ ! -L "$own/manifests/$1.unused" ] || rm -f "$own/manifests/$1.unused"
  { [ -f "$own/records/$1.toml" ] && [ ! -L "$own/records/$1.toml" ]; } || : > "$own/manifests/$1.unused" || fail "cannot write in $root/$own/manifests"
  # A manifest from before may be the same file under another name, which mv refuses.
  forget "$own/manifests/$1.manifest" "$own/manifests/$1.made" || exit 1
  whole=$own/incoming/$1
  if [ -e "$own/lock/split" ]; then
    whole=releases/.turnout-new.$1.$$
    long mv -T "$own/incoming/$1" "$whole" || { room; exit 1; }
    long sync -f "$whole" 2> /dev/null || long sync
  fi
  [ ! -f "$own/incoming/$1.made" ] || place "$own/incoming/$1.made" "$own/manifests/$1.made" || exit 1
  place "$own/incoming/$1.manifest" "$own/manifests/$1.manifest" &&
    place "$own/incoming/$1.toml" "$own/records/$1.toml" &&
    mv -T "$whole" "releases/$1" || exit 1
}

# forget FILE...: remove our own files. What is a folder there is none of them, and may hold anything.
forget() {
  for place; do
    [ ! -d "$place" ] || [ -L "$place" ] || { erase "$@"; return; }
  done
  rm -f -- "$@"
}

# complete TOKEN TAG: after the prepare hooks; what they left is remembered, so that it is not taken for drift.
verb_complete() {
  named "$2"
  holds "$1"
  if command -v sha256sum > /dev/null 2>&1; then
    before=$root/$own/incoming/$2.before
    [ -f "$before" ] || before=
    { cd "$own/incoming/$2" && listing "$before" && say end modes; } > "$own/incoming/$2.made" && cd -P "$root" ||
      fail "cannot note what the hooks made"
  fi
  put_in_place "$2"
}

# switch TOKEN TAG EXPECTED JOURNAL-LINE: lead `current` to releases/TAG by one rename, and read it back. EXPECTED is
# the target it must have before ("" for none): whoever changed it behind our back wins. The journal says what is going
# to happen before it does; whether it did, `current` itself tells.
verb_switch() {
  named "$2"
  holds "$1"
  phase switch
  [ -d "releases/$2" ] && [ ! -L "releases/$2" ] || fail "releases/$2 does not exist"
  decode "$3"
  now=
  [ -L current ] && now=$(readlink current)
  [ -L current ] || [ ! -e current ] || fail "current is not a link"
  [ "$now" = "$decoded" ] || fail "current leads to '$now' and not to '$decoded': somebody changed it meanwhile"
  decode "$4"
  remember "$decoded" || fail "cannot write the journal"
  # Also of what is live until now: whoever switched to it may have been killed in between.
  used "${now##*/}"
  replace "releases/$2"
  # It was there a moment ago.
  [ -d ./current/. ] || {
    if [ -n "$now" ]; then replace "$now"; else rm -f current; fi
    fail "releases/$2 was removed while current was switched to it: current is as it was"
  }
  used "$2"
}

# used TAG: it is or was live.
used() { [ -z "$1" ] || [ ! -e "$own/manifests/$1.unused" ] || rm -f "$own/manifests/$1.unused"; }

# replace TARGET: one rename(2). `ln -sfn` would remove the link first; `mv` without -T moves into the folder.
replace() {
  { [ ! -e .current-next ] && [ ! -L .current-next ] || rm -f .current-next; } && ln -s "$1" .current-next || fail "cannot make a link in $root"
  # The last one says why, in place of an option that only another system's mv has.
  mv -T .current-next current 2> /dev/null || mv -fh .current-next current 2> /dev/null ||
    mv -T .current-next current || fail "cannot rename over current"
  [ "$(readlink current)" = "$1" ] || fail "current was not switched"
}

# restore TOKEN TARGET JOURNAL-LINE [FROM]: lead `current` back to where it was; "" removes it: there was none. Where
# it does not lead to FROM, the switch never happened or somebody changed it since: it stays as it is.
verb_restore() {
  holds "$1"
  phase switch
  if [ -n "${4-}" ]; then
    decode "$4"
    [ "$(readlink current)" = "$decoded" ] || { say "not switched"; return 0; }
  fi
  decode "$2"
  # A journal said where an undo leads to, and not this operation's own look.
  [ -n "${4-}" ] || case /$decoded/ in */../* | */./* | *"$newline"*) fail "not where current can lead: $decoded" ;; esac
  # What this operation has left is put back whatever it was; an undo leads to no place that is gone.
  case $decoded-${4-} in releases/*-) [ -d "$decoded" ] || fail "$decoded does not exist any more" ;; esac
  decode "$3"
  remember "$decoded" || say "the journal was not written"
  decode "$2"
  if [ -n "$decoded" ]; then replace "$decoded"
  elif [ -L current ]; then rm -f current
  fi
}

# withdraw TOKEN TAG [RECORD]: a release that this operation made and that never went live goes again, record and all;
# one that had been pruned before keeps its manifest and gets its old RECORD back.
verb_withdraw() {
  named "$2"
  holds "$1"
  [ "$(readlink current)" != "releases/$2" ] || fail "releases/$2 is live"
  # An operation that came after this one had lost its lock may have switched to it.
  [ -n "${3-}" ] || [ ! -e "releases/$2" ] || [ -e "$own/manifests/$2.unused" ] || fail "releases/$2 was live meanwhile"
  # The folder first: one without a record would be taken for somebody else's, and its tag would be lost.
  gone=
  mounts
  [ ! -e "releases/$2" ] || discard "$2" || fail "releases/$2 is kept"
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

# remove TOKEN FORCE TAG...: prune; the record stays. With FORCE `yes` also what a running process works in. What
# cannot be removed, for it belongs to somebody else, is named and stays where it is named.
verb_remove() {
  token=$1 force=$2
  shift 2
  named "$@"
  holds "$token"
  phase prune
  mounts
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

# pin TOKEN TAG TEXT: it is never pruned, until `unpin`. TEXT, one line, says who wanted it and why. The pin lies beside the
# record and not in it: it stays whatever becomes of the files and of the record.
verb_pin() {
  named "$2"
  holds "$1"
  phase pin
  decode "$3"
  say "$decoded" > "$own/incoming/pin" && place "$own/incoming/pin" "$own/records/$2.pinned" || fail "cannot write the pin"
}

# unpin TOKEN TAG: it is pruned as others are.
verb_unpin() {
  named "$2"
  holds "$1"
  phase unpin
  ! pinned "$2" || rm -f "$own/records/$2.pinned" || fail "cannot remove the pin"
}

# pinned TAG: whether it is never to be pruned.
pinned() { [ -e "$own/records/$1.pinned" ] || [ -L "$own/records/$1.pinned" ]; }

# throw FOLDER NAME: remove it, under a name that it keeps where something in it cannot be removed.
throw() {
  heap=$own/trash.$2.$$
  case $1 in
    releases/*) heap=$1 ;;
    *) mv -T "$1" "$heap" ;;
  esac && long erase "$heap"
  [ ! -e "$heap" ] || say "left $2"
}

# busy TAG: whether a process has a release as its working directory, where /proc can be read; asks once a request.
busy() {
  [ -n "${folders-}" ] || folders=$(ls -l /proc/[0-9]*/cwd 2> /dev/null)
  case "$folders$newline" in
    *"-> $(pwd -P)/releases/$1/"* | *"-> $(pwd -P)/releases/$1$newline"*) return 0 ;;
    *) return 1 ;;
  esac
}

# discard TAG, after `mounts`: out of releases/ by one rename, to where `gone` says ("" for what is not there), unless it
# is live, or something is mounted in it, which the rename would take along.
discard() {
  gone=
  [ -d "releases/$1" ] && [ ! -L "releases/$1" ] || { say "missing $1"; return 0; }
  spare "releases/$1"
  ! holds_root "releases/$1" || { say "mv: releases/$1 holds another deploy root"; return 1; }
  [ -z "$mounted" ] || {
    mount_in "releases/$1"
    [ -z "$point" ] || { say "mv: releases/$1 is kept: $point is a mount point; unmount it first"; return 1; }
  }
  gone=$own/trash/$1
  [ ! -e "$own/lock/split" ] || gone=releases/.turnout-gone.$1.$$
  mv -T "releases/$1" "$gone" || { gone=; return 1; }
  # Whatever was seen before: what is live can be entered still, and is not what has just been moved.
  if [ ! "$gone" -ef ./current ] && { [ -z "$live" ] || [ -d ./current/. ]; }; then return 0; fi
  mv -T "$gone" "releases/$1"
  fail "releases/$1 is live, and was put back"
}

# spare FOLDER: end the request where a folder of the root is live or holds what is, or where it is not certain what is.
# Three looks of which none rests on another: where `cd -P` ends up (in `live`), what the link says, and which folder the
# kernel finds. They must agree on what is live, and each of them alone spares it.
spare() {
  live='' text=''
  [ -e ./current ] || [ -L ./current ] || return 0
  if [ -L ./current ]; then
    text=$(readlink ./current) && [ -n "$text" ] || fail "$1 is kept: current cannot be read, so it is not certain what is live"
  fi
  base=$PWD
  if cd -P ./current 2> /dev/null; then
    live=$PWD
    cd -P "$base" && [ "$PWD" = "$base" ] || fail "$1 is kept: the deploy root cannot be entered again"
    case $text in
      '' | /*) told=${text:-$live} ;;
      *) told=$base/$text ;;
    esac
    [ "$live" -ef ./current ] && [ "$told" -ef "$live" ] || fail "$1 is kept: it is not certain what is live: current says '$text' and leads to $live"
  fi
  case $live/ in "$base/$1/"*) fail "$1 is live" ;; esac
  case /$text/ in */"$1"/*) fail "$1 is live" ;; esac
  [ ! ./current -ef "$1" ] || fail "$1 is live"
}

# clear TOKEN: empty the deploy-cache. Its manifest goes first, so that what is half gone is never trusted. A rename
# takes along what is mounted there, and where the cache is a mount point itself there is none.
verb_clear() {
  holds "$1"
  phase clear-cache
  spare deploy-cache
  mounts
  mount_in deploy-cache
  case $point in
    deploy-cache) rm -f "$own/cache.manifest" "$own/cache.digest" "$own/cache.linked" && empty deploy-cache || say "left deploy-cache"; return 0 ;;
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
# link; with `+TEXT` it has to lead to a folder besides; `-` is anything.
as_left() {
  [ "$1" != - ] || return 0
  now=
  [ ! -L current ] || now=$(readlink current)
  decode "$1"
  case $decoded in
    "=$now") [ -n "$now" ] || [ ! -e current ] && return 0 ;;
    "+$now") [ -d current ] && return 0 ;;
  esac
  encode "$now"
  gone=
  [ -z "$now" ] || [ -e current ] || gone=' gone'
  say "astray $encoded$gone"
  exit 8
}

# finish TOKEN CLOSES JOURNAL-LINE LEFT TAG...: where `current` is as this operation left it, prune TAG..., write the
# journal ("" for none), sweep and unlock; else nothing. CLOSES: see `close`, LEFT: see `as_left`. What is renamed into
# trash/ is removed after the lock is gone; whoever comes next sweeps it too.
verb_finish() {
  token=$1 closes=$2 left=$4
  decode "$3"
  end=$decoded
  shift 4
  named "$@"
  holds "$token"
  as_left "$left"
  phase finish
  [ $# -eq 0 ] || mounts
  for tag; do
    if pinned "$tag"; then say "kept $tag"
    elif busy "$tag"; then say "busy $tag"
    elif ( discard "$tag" ) > /dev/null; then say "removed $tag"
    else say "kept $tag"
    fi
  done
  if [ -n "$end" ]; then
    say "$end" >> "$own/journal.jsonl" && close "$closes" "$end" || say "the journal was not written"
    for file in "$own"/manifests/*.unused; do
      [ "$closes" != all ] || [ ! -f "$file" ] || { now=$(readlink current) && used "${now##*/}"; break; }
    done
  fi
  unlock and-answer
}
