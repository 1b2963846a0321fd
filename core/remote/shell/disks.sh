# shellcheck shell=sh disable=SC2154,SC2317,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent and of upload.sh: what is mounted below the deploy root, and removal that stays out of it.

# mounts: in `mounted` the mount points below this folder, which is where `cd -P` led, a line each and relative to it, as
# /proc writes them (\040 is a blank); `?` where the system does not say. A bind mount has the device number of what it
# shows, so device numbers do not reveal it, but a rename or a hard link across it fails all the same.
# sets: mounted spot
mounts() {
  mounted='?' spot=$PWD
  [ -r /proc/self/mountinfo ] || return 0
  case $spot in *[!A-Za-z0-9._/+=:,@~-]*) spot=$(printf %s_ "$spot" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g; $!s/$/\\012/' | tr -d '\n') && spot=${spot%_} ;; esac
  mounted=$(grep -aF " $spot/" /proc/self/mountinfo 2> /dev/null)
  # Other fields of a line hold paths as well.
  [ -z "$mounted" ] || mounted=$(printf '%s\n' "$mounted" | while read -r _ _ _ _ place _; do
    case $place in "$spot"/*) printf '%s\n' "${place#"$spot"/}" ;; esac
  done)
}

# mount_in PATH: in `point` a mount point that PATH is or holds, "" for none; after `mounts`. Where the system does not
# say, device numbers show that there is one, but not its name.
# sets: point
mount_in() {
  point=
  case $mounted in
    '') ;;
    '?') [ -z "$(find "$1" -type d -exec stat -c %d {} + 2> /dev/null | sort -u | sed -n 2p)" ] || point="something in $1" ;;
    *)
      case $newline$mounted$newline in
        *"$newline$1$newline"*) point=$1 ;;
        *"$newline$1/"*) point=$newline$mounted point=${point#*"$newline$1/"} point=$1/${point%%"$newline"*} ;;
      esac
      ;;
  esac
}

# no_mount_in FOLDER: whether nothing is mounted in a folder, which may be a mount point itself; else says what is.
no_mount_in() {
  mounts
  mount_in "$1"
  case $point in '' | "$1") return 0 ;; esac
  say "$point is a mount point: what is mounted there would be changed; unmount it"
  return 1
}

# erase PATH...: remove these paths of the root with all that is in them. What is a mount point or holds one stays as it
# is, and is reported: `rm` would empty what is mounted there.
# sets: erased doomed
erase() {
  mounts
  [ -n "$mounted" ] || { rm -rf -- "$@"; return; }
  erased=0
  for doomed; do
    mount_in "$doomed"
    if [ -z "$point" ]; then rm -rf -- "$doomed" || erased=1
    else
      printf '%s\n' "rm: $doomed is kept: $point is a mount point, and what is mounted there would be removed; unmount it"
      erased=1
    fi
  done
  return "$erased"
}

# empty FOLDER: remove what is in a folder that may be a mount point itself.
# sets: found
empty() {
  mounts
  for found in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$found" ] || [ -L "$found" ] || continue
    case $mounted in
      '') break ;;
      *) mount_in "$found"; [ -z "$point" ] || { printf '%s\n' "rm: $1 is kept: $point is a mount point; unmount it"; return 1; } ;;
    esac
  done
  find "$1" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
}
