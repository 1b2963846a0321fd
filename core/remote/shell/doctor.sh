# shellcheck shell=sh disable=SC2034,SC2154,SC2317  # set and called elsewhere: see agent.sh
# What `turnout doctor` tries on a server. Its text travels with its requests (agent.sh's `with`): no other command
# needs it. All that it makes is in a folder of its own, REHEARSAL, beside `current` (beside what is missing of the
# deploy root), or has its name and is gone at once. It needs no lock, and touches nothing that an operation works on.
# If it dies, the agent removes the folder; if that dies too, the next operation there or the next doctor does.

# examine SHARED...: the state; what is not in shared/; facts; by `tried PLACE [PROBLEM]` where an operation could write; last `rehearsal PATH`:
# an empty deploy root, in which a deploy can be rehearsed.
# sets: uid name tool base left rehearsal odd problem
verb_examine() {
  state '' && absent "$@"
  uid=$(id -u)
  name=$(id -un 2> /dev/null) || name=$uid
  say "user $name"
  say "tar $(tar --version 2>&1 | head -n 1)"
  for tool in mv cp ln rm mkdir tar cat sed grep cut head tail wc tr find date readlink touch chmod sleep sort od sync xargs du; do
    command -v "$tool" > /dev/null 2>&1 || say "lacks $tool"
  done
  base=$root
  while [ ! -d "$base" ]; do
    if [ -e "$base" ] || [ -L "$base" ]; then encode "$base"; say "in-the-way $encoded"; return; fi
    base=${base%/*} base=${base:-/}
  done
  cd -P "$base" 2> /dev/null || { encode "$base"; say "closed-to-us $encoded"; return; }
  closed
  [ "$base" != "$root" ] || ! around || { encode "$inner"; say "inner $encoded"; }
  for left in .turnout-probe.*; do
    [ ! -d "$left" ] || ! abandoned "$left" || rm -rf "$left"
  done
  rehearsal=.turnout-probe.$$
  [ "$base" != "$root" ] || {
    misplaced
    [ -d shared ] || [ ! -e shared ] || odd="$odd$root/shared is not a folder: move it away"
    printf %s "$odd" | while IFS= read -r line || [ -n "$line" ]; do tried odd "$line"; done
  }
  problem=$({ mkdir "$rehearsal" && date > "$rehearsal/file" && mv "$rehearsal/file" "$rehearsal/moved"; } 2>&1) || {
    tried root "${problem:-unknown}"
    [ "$base" != "$root" ] || guess "$@"
    rm -rf "$rehearsal"
    return
  }
  tried root
  abilities
  [ -z "$group" ] || grouped
  [ "$base" != "$root" ] || folders "$@"
  rm -rf "$rehearsal" && mkdir "$rehearsal" && ln -s releases/none "$rehearsal/current" || return
  encode "${base%/}/$rehearsal"
  say "rehearsal $encoded"
}

# tried PLACE [PROBLEM]: what came of a try, for core/protocol/facts.
tried() {
  [ -z "${2-}" ] || encode "${2##*"$newline"}"
  say "tried $1${2:+ $encoded}"
}

# grouped: whether the group can share the root, and what Turnout made in it is shared. What hooks have made in a release
# is the application's, and other folders in the root are another tool's.
# sets: odd
grouped() {
  if odd=$(member); then
    [ "$base" = "$root" ] || { tried group; return; }
    # Only its owner may leave this to the first operation.
    [ -e "$own" ] || [ -e releases ] || [ ! -O . ] || { tried group; return; }
    odd=$(
      {
        find . -prune -type d \( ! -perm -2070 -o ! -group "$group" \) -print
        [ ! -d releases ] || find releases -maxdepth 1 -type d \( ! -perm -2070 -o ! -group "$group" \) -print
        for place in deploy-cache "$own"; do
          [ ! -d "$place" ] || find "$place" \( -path "$own/trash*/*" -o -path "$own/incoming/*" \) -prune -o -type d \( ! -perm -2070 -o ! -group "$group" \) -print
        done
      } 2> /dev/null | while IFS= read -r place; do
        case $place in releases/*) [ -f "$own/manifests/${place##*/}.manifest" ] || continue ;; esac
        say "$place"
        break
      done
    )
    [ -z "$odd" ] || { [ "$odd" != . ] || odd=; tried group "$root${odd:+/$odd} is not shared with the group $group: $(to_share)"; return; }
    tried group
  else tried group "$odd"
  fi
}

# closed: the first folder on the way to the deploy root that other users cannot enter: their web server cannot.
# sets: place
closed() {
  place=$PWD
  while [ -n "$(find "$place/." -prune -perm -001 2> /dev/null)" ]; do
    case $place in */*/*) place=${place%/*} ;; *) return ;; esac
  done
  encode "$place"
  say "closed $encoded"
}

# abilities: what this file system can do, tried in the rehearsal's folder.
# sets: problem
abilities() {
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nexit 0\n' > "$rehearsal/program" && chmod 755 "$rehearsal/program"
  if problem=$("$rehearsal/program" 2>&1); then tried program; else tried program "${problem:-unknown}"; fi
  if problem=$(ln "$rehearsal/moved" "$rehearsal/hard" 2>&1); then tried hardlink; else tried hardlink "${problem:-unknown}"; fi
  if cp --reflink=always "$rehearsal/moved" "$rehearsal/reflink" 2> /dev/null; then tried reflink; else tried reflink no; fi
  mkdir "$rehearsal/a" "$rehearsal/b" && ln -s a "$rehearsal/current" && ln -s b "$rehearsal/next" && {
    if mv -T "$rehearsal/next" "$rehearsal/current" 2> /dev/null && [ "$(readlink "$rehearsal/current")" = b ]; then say "switch mv -T"
    elif mv -fh "$rehearsal/next" "$rehearsal/current" 2> /dev/null && [ "$(readlink "$rehearsal/current")" = b ]; then say "switch mv -h"
    else say "switch none"
    fi
  }
}

# put FOLDER: whether a file can be moved there, and removed again. In shared/ somebody else may put a link in the
# folder's place at any moment.
# sets: problem
put() {
  # `date`, for a shell's own commands do not say why they cannot write.
  problem=$({
    date > "$rehearsal/file" && from=$PWD/$rehearsal/file && { into "$1" || { say "cannot enter it: Permission denied"; false; }; } &&
      mv -f "$from" "./$rehearsal" && rm -f "./$rehearsal"
  } 2>&1) ||
    { tried folder "$1: ${problem:-unknown}"; return 1; }
}

# may_write PATH: whether we could, without touching it.
may_write() {
  [ ! -e "$1" ] || [ -w "$1" ] || tried folder "$1: not writable"
}

# guess SHARED...: where the root itself is not writable, by the rights alone.
# sets: place
guess() {
  for place in releases deploy-cache "$own" "$own/records" "$own/manifests" "$own/logs"; do may_write "$place"; done
}

# folders SHARED...: where a deploy, a switch and a prune write.
# sets: place theirs word
folders() {
  for place in releases "$own" "$own/records" "$own/manifests" "$own/logs"; do
    [ ! -d "$place" ] || [ -L "$place" ] || put "$place"
  done
  # Nothing is made in these: deploy-cache would count as changed by somebody else, the others are swept.
  for place in deploy-cache "$own/incoming" "$own/trash" "$own/journal.jsonl" "$own/transitions.jsonl" "$own/freeze" "$own/cache.manifest"; do
    may_write "$place"
  done
  # Files in it do not matter: one that cannot be read is sent again, under the same name.
  if [ -d deploy-cache ] && [ ! -L deploy-cache ] && [ "$uid" != 0 ]; then
    place=$(find deploy-cache -type d -exec sh -c '
      for path; do [ -r "$path" ] && [ -w "$path" ] && [ -x "$path" ] || printf "%s\n" "$path"; done' sh {} + 2> /dev/null | head -n 1)
    [ -z "$place" ] || [ "$place" = deploy-cache ] || tried folder "$place: not writable"
    place=$(find deploy-cache -type f ! -user "$uid" -exec sh -c 'for path; do [ -w "$path" ] || printf "%s\n" "$path"; done' sh {} + |
      head -n 1) 2> /dev/null
    [ -z "$place" ] || tried theirs "$place belongs to another user"
  fi
  # In a folder with the sticky bit only its owner and a file's own may rename or remove that file.
  [ "$uid" = 0 ] || for place in . "$own" "$own/records" "$own/manifests"; do
    { [ -d "$place" ] && [ -k "$place" ] && [ ! -O "$place" ]; } || continue
    case $place in
      .) theirs=$(find "$link" ! -user "$uid" -prune 2> /dev/null) ;;
      *) theirs=$(find "$place" ! -user "$uid" 2> /dev/null | sed -n 2p) ;;
    esac
    [ -z "$theirs" ] || tried sticky "$theirs"
  done
  for word; do
    decode "$word"
    shared "$decoded"
  done
}

# shared PATH: whether link_shared can do with it what it will have to.
# sets: path rest beside above
shared() {
  path=${1%/} rest=${1%/} beside=shared above=shared
  while case $rest in */*) true ;; *) false ;; esac; do
    beside=$beside/${rest%%/*}
    [ ! -L "$beside" ] || { tried odd "$beside is a link: what is below it would lie outside the deploy root"; return; }
    [ ! -d "$beside" ] || above=$beside
    rest=${rest#*/}
  done
  if [ ! -e "shared/$path" ] && [ ! -L "shared/$path" ]; then
    if [ -L shared ]; then tried odd "shared is a link, and nothing is created through a link: create shared/$path there"
    elif [ -d "$above" ]; then put "$above"
    fi
  fi
}

# in FOLDER VERB WORD...: a verb, in the rehearsal's root in place of the real one.
# sets: root link links verb
verb_in() {
  decode "$1"
  case $decoded in */.turnout-probe.$$) root=$decoded link=current links='' ;; *) fail "not a rehearsal: $1" ;; esac
  # That it lies in a deploy root is on purpose.
  apart() { :; }
  verb=$2
  shift 2
  "verb_$verb" "$@"
}

# forget FOLDER: the rehearsal is over.
verb_forget() {
  decode "$1"
  case $decoded in */.turnout-probe.$$) rm -rf "$decoded" ;; *) fail "not a rehearsal: $1" ;; esac
}
