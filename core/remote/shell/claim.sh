# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent: whose deploy root this is, and other deploy roots that it overlaps with.
#
# .turnout/claim is one line, `ID PLACE PROJECT ENVIRONMENT`: a random id, where the claim was made (`here`), and for
# whom. A copy of a root (cp -a, a restored backup, a new machine) has the same claim in another place: its owner goes
# on with it as before, and it does not keep others away.

# here: in `place`, the inode of this folder and the machine's id: both stay the same until the root is copied.
# sets: machine place
here() {
  machine=
  { read -r machine < /etc/machine-id; } 2> /dev/null
  # shellcheck disable=SC2012  # the inode comes before any name
  place=$(ls -di . 2> /dev/null | sed 's/^ *//; s/ .*//')-${machine:-none}
}

# deploy_root FOLDER [PLACE]: whether releases are kept there, by Turnout or in the layout that other tools use too. A
# .turnout/ that cannot be read counts. Where a link of another name leads to a release, that is one only for a PLACE in
# the folders that a tool may remove or share: `latest -> releases/3` is usual for downloads, too.
deploy_root() {
  if [ -d "$1/.turnout" ] && { [ ! -x "$1/.turnout" ] || [ -d "$1/.turnout/records" ]; }; then return 0; fi
  [ -d "$1/releases" ] || return 1
  [ ! -L "$1/current" ] || return 0
  case ${2#"$1"/} in
    releases | releases/* | shared | shared/*) served "$1" ;;
    *) return 1 ;;
  esac
}

# served FOLDER: whether a link in it, whatever its name, leads to a release there.
# sets: each leads
served() {
  for each in "$1"/*; do
    { [ -L "$each" ] && [ -d "$each" ]; } || continue
    leads=$(cd -P "$each" 2> /dev/null && pwd)
    [ "${leads%/releases/*}" = "$leads" ] || [ ! "${leads%/releases/*}" -ef "$1" ] || return 0
  done
  return 1
}

# surrounded FOLDER: in `outer`, the deploy root that a folder (by its physical path) is or lies in; "" for none.
# sets: outer above
surrounded() {
  outer='' above=${1%/}
  until deploy_root "$above" "$1"; do
    [ -n "$above" ] || return 1
    above=${above%/*}
  done
  outer=${above:-/}
}

# apart: end the request where the root lies inside another one, before anything is made there.
# sets: above
apart() {
  above=$root
  while [ ! -d "$above" ]; do above=${above%/*} && above=${above:-/}; done
  cd -P "$above" 2> /dev/null || return 0
  [ "$above" != "$root" ] && above=$PWD || above=${PWD%/*}
  surrounded "$above" || return 0
  say "$root lies inside another deploy root, $outer: pruning or removing something there could remove this one too."
  say "Choose a root outside of $outer; if nothing is deployed to $outer any more, move it away."
  exit 5
}

# around: another deploy root at most four folders below this one, in `inner`; "" for none. It takes a walk, so only
# the first operation and doctor look; whoever begins later below this root finds it by `apart`.
# sets: inner
around() {
  inner=$(find . -mindepth 2 -maxdepth 5 ! -path './.turnout-probe.*' \
    \( -type d -name .turnout -o -type l -name current -o -type d -name releases -path './shared/*' \) 2> /dev/null |
    while IFS= read -r found; do
      deploy_root "${found%/*}" "$found" || continue
      found=${found%/*}
      say "${found#./}"
      break
    done)
  [ -n "$inner" ]
}

# holds_root FOLDER: whether another deploy root lies in a folder or up to two below it, without starting a program.
# sets: found
holds_root() {
  for found in "$1" "$1"/*/.turnout "$1"/.[!.]*/.turnout "$1"/*/*/.turnout; do
    [ "$found" = "$1" ] || found=${found%/.turnout}
    [ ! -L "$found" ] && [ ! -L "${found%/*}" ] && [ -d "$found/.turnout/records" ] && return 0
  done
  return 1
}

# claimed PROJECT ENVIRONMENT: whether this root is theirs: 0 it is, 1 unclaimed or a copy of another one's root. Ends the
# request if it belongs to another one.
# sets: claim_place claim_project claim_environment
claimed() {
  [ -e "$own/claim" ] || return 1
  claim_place='' claim_project='' claim_environment=''
  { read -r _ claim_place claim_project claim_environment _ < "$own/claim"; } 2> /dev/null
  [ -n "$claim_environment" ] || { say "$root/$own/claim cannot be read: remove it if the root is yours"; exit 5; }
  [ "$claim_project $claim_environment" != "$1 $2" ] || return 0
  here
  [ "$claim_place" = "$place" ] || return 1
  say "$root belongs to project $claim_project, environment $claim_environment; this is project $1, environment $2."
  say "One deploy root serves one environment of one project: choose another root (--server deploys to some of the servers only)."
  say "If $claim_project $claim_environment no longer uses it: rm $root/$own/claim on the server."
  exit 5
}

# alone PROJECT ENVIRONMENT: before the lock: end the request if this root belongs to another one or, unless it is
# theirs already (then `mine` says so), if it holds another root.
# sets: mine
alone() {
  mine=
  if claimed "$1" "$2"; then mine=yes
  elif around; then
    say "$root holds another deploy root, $root/$inner: pruning or removing something here could remove that one too."
    say "Move one of the two; if nothing is deployed to $root/$inner any more, remove it."
    exit 5
  fi
}

# claim ID PROJECT ENVIRONMENT: with the lock held: the root is theirs from now on, if it was not before.
claim() {
  claimed "$2" "$3" && return
  here
  say "$1 $place $2 $3" > "$own/lock/claim" && mv -T "$own/lock/claim" "$own/claim"
}

# whose [begun]: for an inspection: the root around this one, the claim, and what shows whether two servers are one
# folder. An operation that holds the lock has that from `begin`.
# sets: machine
whose() {
  ! surrounded "${PWD%/*}" || { encode "$outer"; say "outer $encoded"; }
  [ -z "${1-}" ] || return 0
  stat -c "folder $boot %d:%i" . 2> /dev/null
  [ ! -f "$own/claim" ] || {
    first_line "$own/claim"
    machine=
    { read -r machine < /etc/machine-id; } 2> /dev/null
    say "claim ${machine:-none} $line"
  }
}
