# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent: a release made from the deploy-cache, complete before it gets its name; only with the lock held.

# stage TOKEN TAG COPY DIGEST SHAPE COMPLETE RECORD SHARED...: the upload is whole: make the cache's new manifest, copy
# the cache into incoming/TAG, prove that the copy is complete, link the shared paths; with COMPLETE yes rename it into
# releases/ (else hooks come first). DIGEST is the manifest's, SHAPE that of what `shape` has to print. Where the shape
# differs, it is sent in lines `shape LINE`, with status 7; also if the server has no program for a digest: then the
# operator's side compares, and asks for `complete`.
# If it dies, incoming/ is swept; the cache keeps its manifest, which is renamed into place before the copy.
# sets: tag complete record merged vouch modes copied word
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
    # A manifest that was sent whole needs no digest; one that was merged here counts only with its digest.
    [ "$sum" = "$4" ] || [ -z "$sum$merged" ] || fail "what arrived in deploy-cache is not what was sent"
    share_cache || fail "cannot share the deploy-cache with the group $group"
    # What the manifest vouches for has to outlive the power as well.
    long sync -f deploy-cache 2> /dev/null || long sync
    place "$own/incoming/manifest" "$own/cache.manifest" || fail "cannot write the manifest of deploy-cache"
    vouch=yes
  else
    digest "$own/cache.manifest"
    [ "$sum" = "$4" ] || fail "deploy-cache is not as the plan saw it"
  fi
  [ ! -e "releases/$tag" ] || fail "releases/$tag exists already"
  # Where it is tried again, the try before left its half of a release.
  [ ! -e "$own/incoming/$tag" ] || erase "$own/incoming/$tag" "$own/incoming/$tag".* ||
    fail "the half-made release cannot be removed"
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
  # The cache may be closed to other users; a release may not, since a web server may run as another user.
  chmod 755 "$own/incoming/$tag" 2> /dev/null
  [ -z "$group" ] || chmod 2775 "$own/incoming/$tag" || exit 1
  prove "$tag" "$5"
  apply_mask "$own/incoming/$tag" || { room; fail "cannot apply the umask to the release"; }
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
  # Hooks see the shared paths where they will be.
  link_to_shared
  if command -v comm > /dev/null 2>&1 && find "$own" -prune -printf '' 2> /dev/null; then
    ( cd "$own/incoming/$tag" && marks ) > "$own/incoming/$tag.before"
  fi
}

# copy_cache FOLDER MODES: copy the deploy-cache to a folder that is made, and list the copy in FOLDER.0 and FOLDER.1, as
# `shape` does. Two processes share the work, because a server has more than one processor.
# sets: child second first
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
# sets: child
copy_half() {
  child=
  # shellcheck disable=SC2086  # one process or two
  trap '[ -z "$child" ] || kill $child 2> /dev/null; exit 143' TERM
  cd -P deploy-cache && half "$1" copy_part "$2" "$3"
}

# copy_part FOLDER MODES ENTRY...
# sets: into modes
copy_part() {
  into=$1 modes=$2
  shift 2
  # shellcheck disable=SC2086  # options, split on purpose
  long cp $copy "$@" "$into" && cd -P "$into" || return
  # The cache's own time came along with it: other tools take the folder's for that of the release.
  [ "$1" != . ] || touch .
  long shape "$modes" "$@"
}

# prove TAG SHAPE: whether the copy in incoming/ has every path with its kind, size, target and execute bit, and no other;
# SHAPE `modes-…`: and what is private is so there.
# The deploy-cache it was made from is not what its manifest says then, and is compared next time.
# sets: complete
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

# copier: the options with which `cp` copies a tree as it is, sharing blocks where the file system can.
# sets: copy
copier() {
  copy=-a
  [ "$1" = hardlink ] && copy=-al && return
  case $(cp --help 2>&1) in *--reflink*) copy='-a --reflink=auto' ;; esac
}

# link_shared FOLDER PATH: replace PATH in a release by a link to shared/PATH. If shared/ does not have it, it is copied
# there from the release; a trailing slash means a folder, which is made if neither has it. shared/ itself and a shared
# path may be links that a person made; nothing is created through one.
# sets: path up rest inside beside
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

# link_to_shared: with this link ../../shared is the same folder from incoming/TAG as from releases/TAG.
link_to_shared() {
  [ "$(readlink "$own/shared")" = ../shared ] || { rm -f "$own/shared" && ln -s ../shared "$own/shared"; } || { room; exit 1; }
}

# writable TOKEN PATH...: these paths of the release that is made next get writable for the group, before it gets its name.
# sets: word
verb_writable() {
  holds "$1"
  shift
  for word; do say "$word"; done > "$own/incoming/writable" || fail "cannot write in $root/$own"
}

# make_writable FOLDER: what `writable` has named in a release, and all below it that is ours, may be written by its group,
# and new files there get that group. A path may be a shared one; it never leads out of the release and of shared/.
# sets: word path place uid
make_writable() {
  [ -f "$own/incoming/writable" ] || return 0
  link_to_shared
  uid=$(id -u)
  while IFS= read -r word; do
    decode "$word"
    path=$1/${decoded%/}
    [ -e "$path" ] || fail "$decoded is to be writable, and the release does not have it"
    place=$(readlink -f "$path") || fail "cannot follow $decoded"
    case $place in
      "$(pwd -P)/$1/"* | "$(pwd -P)/shared/"*) ;;
      *) fail "$decoded is to be writable, and leads out of the release: $place" ;;
    esac
    {
      long find "$place" -xdev -type d -user "$uid" ! -perm -2070 -exec chmod g+rwxs {} + &&
        long find "$place" -xdev -type f -user "$uid" ! -perm -060 -exec chmod g+rw {} +
    } || fail "cannot make $decoded writable"
  done < "$own/incoming/writable"
}

# put_in_place TAG: the release is complete: its files reach the disk, then its record and its folder get their names, each
# by one rename. Where releases/ is on another file system than incoming/, `mv` copies: under another name first.
# sets: whole
put_in_place() {
  make_writable "$own/incoming/$1"
  long sync -f "$own/incoming/$1" 2> /dev/null || long sync
  { [ ! -e "releases/$1" ] && [ ! -L "releases/$1" ]; } || fail "releases/$1 exists already"
  # Until it is switched to, it is never chosen as "the previous release".
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

# complete TOKEN TAG [OPEN]: after the prepare hooks; what they left is remembered, so that it is not taken for drift. With
# OPEN `open` finalize hooks follow: until `finalized` the release is removed with the lock, like one that is half-made.
verb_complete() {
  named "$2"
  holds "$1"
  if [ "${3-}" = open ]; then : > "$own/manifests/$2.unfinished" || fail "cannot write in $root/$own/manifests"
  else note_made "$own/incoming/$2" "$2"
  fi
  put_in_place "$2"
}

# finalized TOKEN TAG: after the finalize hooks, likewise.
verb_finalized() {
  named "$2"
  holds "$1"
  [ -f "$own/manifests/$2.unfinished" ] || fail "releases/$2 is not being finalized"
  make_writable "releases/$2"
  note_made "releases/$2" "$2"
  long sync -f "releases/$2" 2> /dev/null || long sync
  [ ! -f "$own/incoming/$2.made" ] || place "$own/incoming/$2.made" "$own/manifests/$2.made" || exit 1
  rm -f "$own/manifests/$2.unfinished" || fail "cannot write in $root/$own/manifests"
}

# note_made FOLDER TAG: what a release holds once its hooks have ended, in incoming/TAG.made.
# sets: before
note_made() {
  command -v sha256sum > /dev/null 2>&1 || return 0
  before=$root/$own/incoming/$2.before
  [ -f "$before" ] || before=
  {
    { cd "$1" && listing "$before" && say end modes; } > "$own/incoming/$2.made" && cd -P "$root"
  } || fail "cannot note what the hooks made"
}

# unfinished: whether a release waits for `finalized`.
# sets: left
unfinished() {
  for left in "$own"/manifests/*.unfinished; do
    if [ -e "$left" ] || [ -L "$left" ]; then return 0; fi
  done
  return 1
}

# drop_unfinished: remove releases whose finalize hooks did not end: what is in releases/ is complete. One that is live in
# spite of it stays. A record that was there before stays, too: the release can be sent again.
# sets: left tag gone
drop_unfinished() {
  mounts
  linked_into
  for left in "$own"/manifests/*.unfinished; do
    tag=${left##*/} tag=${tag%.unfinished} gone=
    ( named "$tag" ) > /dev/null || { erase "$left"; continue; }
    if [ "releases/$tag" -ef "$link" ]; then forget "$left"; continue; fi
    [ ! -e "releases/$tag" ] || discard "$tag" > /dev/null || { forget "$left"; continue; }
    [ ! -e "$own/manifests/$tag.unused" ] || forget "$own/records/$tag.toml" "$own/manifests/$tag.manifest"
    forget "$own/manifests/$tag.made" "$own/manifests/$tag.unused" "$left"
    case $gone in releases/*) erase "$gone" ;; esac
  done
}
