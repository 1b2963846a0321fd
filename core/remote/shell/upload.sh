# shellcheck shell=sh disable=SC2154  # disks.sh comes before this file
# upload.sh: takes a tree's changes on standard input into deploy-cache; on a channel of its own, started ahead.
#
# First come lines: the root, the lock's token, UNPACK, then a path below deploy-cache to remove each (\0ooo is a byte;
# `!` alone: everything), up to an empty line. Then a tar stream relative to the root, as it is or as UNPACK (gzip, zstd)
# says. `read` takes a pipe byte by byte, so the stream that follows the lines is left whole for tar.
#
# disks.sh comes before this file: nothing that is mounted in the cache is removed or emptied.
#
# The cache's manifest is moved away first: if this dies, the cache is unknown, and is compared by checksum next time.
LC_ALL=C
export LC_ALL
umask 022
held=
# No line: it was started ahead and is not wanted.
IFS= read -r root && IFS= read -r token && IFS= read -r unpack || exit 0
# The root has to be one: what a start-up file has read of these lines would move the others up.
case $root in /*) ;; *) echo "not begun: a start-up file there reads standard input and took a part of what was sent" >&2; exit 1 ;; esac
case $root in *\\*) root=$(printf '%b_' "$root") && root=${root%_} ;; esac
cd -P "$root" && [ -f .turnout/lock/token ] && read -r held < .turnout/lock/token 2> /dev/null
[ "$held" = "$token" ] || { echo "the lock is not held by this operation any more" >&2; exit 3; }
# Whoever takes the lock from here on ends this first: it must not write where another operation is at work.
mine() {
  line=
  { read -r line < "/proc/$1/stat" && read -r boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null || return 0
  pid=$1
  # shellcheck disable=SC2086  # the fields are split on purpose
  set -- ${line##*) }
  echo "$pid ${20}-$boot" >> .turnout/lock/upload
}
mine $$
{ read -r held < .turnout/lock/token; } 2> /dev/null
[ "$held" = "$token" ] || { echo "the lock is not held by this operation any more" >&2; exit 3; }
echo upload > .turnout/lock/phase
if [ -f .turnout/cache.manifest ]; then
  mv -f .turnout/cache.manifest .turnout/incoming/manifest.old || exit 1
fi
within() {
  if [ -d deploy-cache ] && [ ! -L deploy-cache ] && [ ! -L .turnout/incoming ]; then return 0; fi
  echo "$root/deploy-cache is not a folder any more: Turnout would write outside the deploy root" >&2
  exit 1
}
# clear_of_mounts: once, before anything in the cache is removed.
clear_of_mounts() {
  within
  [ -z "${mounted+known}" ] || return 0
  mounts
  mount_in deploy-cache
  case $point in
    '' | deploy-cache) ;;
    *) echo "$point is a mount point: what is mounted there would be changed; unmount it" >&2; exit 1 ;;
  esac
}
set --
while IFS= read -r path && [ -n "$path" ]; do
  case $path in
    !) clear_of_mounts; empty deploy-cache || exit 1; continue ;;
    *\\*) path=$(printf '%b_' "$path") && path=${path%_} ;;
  esac
  case /$path/ in */../* | */./* | *//*) echo "not a path in a tree: $path" >&2; exit 1 ;; esac
  set -- "$@" "deploy-cache/$path"
  [ $# -lt 200 ] || { clear_of_mounts; rm -rf -- "$@" || exit 1; set --; }
done
[ $# -eq 0 ] || { clear_of_mounts; rm -rf -- "$@" || exit 1; }
within
# What runs beside a shell gets /dev/null as its input, hence the descriptor 3.
{
  case $unpack in
    gzip) gzip -dc <&3 3<&- | tar -xpof - 3<&- & ;;
    zstd) zstd -dcq <&3 3<&- | tar -xpof - 3<&- & ;;
    *) tar -xpof - <&3 3<&- & ;;
  esac
} 3<&0
mine $!
wait $! && exit 0
status=$?
# As `room` in release.sh says it.
for unit in k i; do
  df "-P$unit" . 2> /dev/null | while read -r _ total _ left _; do
    case $unit-$total in
      *-*[!0-9]*) ;; # the heading
      k-*) printf '%s\n' "$left kB of $total kB are free in $root" ;;
      *) printf '%s\n' "$left of $total inodes are free in $root" ;;
    esac
  done
done >&2
exit $status
