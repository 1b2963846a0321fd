# shellcheck shell=sh disable=SC2154  # process.sh, disks.sh and incoming.sh come before this file
# upload.sh: takes a tree's changes on standard input into deploy-cache; on a channel of its own, started ahead.
#
# First come lines: the root, the lock's token, UNPACK, then a path below deploy-cache to remove each (\0ooo is a byte;
# `!` alone: everything), then //PATH for each file to make there, empty, because its content comes in pieces (lane.sh), up
# to an empty line. Where there are such files, `ready` on standard output says that they are made. Then a tar stream
# relative to the root, as it is or as UNPACK (gzip, zstd) says. `read` takes a pipe byte by byte, so the stream that
# follows the lines is left whole for tar.
#
# process.sh, disks.sh and incoming.sh come before this file: nothing that is mounted in the cache is removed or emptied.
#
# The cache's manifest is moved away first: if this dies, the cache is unknown, and is compared by checksum next time.

say upload > "$own/lock/phase"
# From here on what lies in deploy-cache was put there by us, also where this dies.
[ -L "$own/cache.ours" ] || : >> "$own/cache.ours" || exit 1
# What a fetch from the store left takes the room that these files need.
[ ! -e "$own/incoming/pack" ] || rm -rf "$own/incoming/pack" "$own/incoming/fetched" || exit 1
if [ -f "$own/cache.manifest" ]; then
  mv -f "$own/cache.manifest" "$own/incoming/manifest.old" || exit 1
fi

within() {
  if [ -d deploy-cache ] && [ ! -L deploy-cache ] && [ ! -L "$own/incoming" ]; then return 0; fi
  say "$root/deploy-cache is not a folder any more: Turnout would write outside the deploy root"
  exit 1
}

# clear_of_mounts: once, before anything in the cache is removed.
clear_of_mounts() {
  within
  [ -n "${mounted+known}" ] || no_mount_in deploy-cache || exit 1
}

# made PATH: an empty file in the cache, never the one that is there: a release may share that (hard links).
# sets: folder rest
made() {
  within
  folder=deploy-cache rest=$1
  while case $rest in */*) true ;; *) false ;; esac; do
    folder=$folder/${rest%%/*} rest=${rest#*/}
    [ ! -L "$folder" ] || { say "$folder is a link: what is below it would lie outside the cache"; exit 1; }
    [ -d "$folder" ] || mkdir "$folder" || { room; exit 1; }
  done
  { rm -f -- "deploy-cache/$1" && ( umask 077 && : > "deploy-cache/$1" ); } || { room; exit 1; }
}

set --
pieces=
while IFS= read -r path && [ -n "$path" ]; do
  case $path in
    !) clear_of_mounts; empty deploy-cache || exit 1; continue ;;
    *\\*) path=$(printf '%b_' "$path") && path=${path%_} ;;
  esac
  in_tree "${path#//}"
  case $path in
    //*)
      [ $# -eq 0 ] || { clear_of_mounts; rm -rf -- "$@" || exit 1; set --; }
      made "${path#//}"
      pieces=yes
      continue
      ;;
  esac
  set -- "$@" "deploy-cache/$path"
  [ $# -lt 200 ] || { clear_of_mounts; rm -rf -- "$@" || exit 1; set --; }
done
[ $# -eq 0 ] || { clear_of_mounts; rm -rf -- "$@" || exit 1; }
within
[ -z "$pieces" ] || printf '\nready\n' >&4
exec 4>&-
# GNU tar reads 10 kB at a time otherwise, which costs a sixth more; others do not know the variable.
TAR_OPTIONS=-b256
export TAR_OPTIONS
# What runs beside a shell gets /dev/null as its input, hence the descriptor 3.
{
  case $unpack in
    gzip) gzip -dc <&3 3<&- | tar -xpof - 3<&- & ;;
    zstd) zstd -dcq <&3 3<&- | tar -xpof - 3<&- & ;;
    *) tar -xpof - <&3 3<&- & ;;
  esac
} 3<&0
ends_with_lock $!
wait $! && exit 0
status=$?
room
exit $status
