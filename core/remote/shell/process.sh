# shellcheck shell=sh disable=SC2034,SC2154  # `own` and `root` are set, and `born` and `line` used, by what comes after this file
# What comes before the agent, before an upload and before a person's command: which process this is, whether the lock
# is still its operation's, and how an error says what the disk has left.
newline='
'

say() { printf '%s\n' "$*"; }

# first_line FILE [BYTES]: in `line`, at most so many bytes (300); "" for what is not a regular file: reading a FIFO would
# never end.
# sets: line
first_line() {
  line=
  [ ! -f "$1" ] || { line=$(head -c "${2:-300}" "$1"; echo) && line=${line%%"$newline"*}; } 2> /dev/null
}

# birth PID: in `born` when a process was started (clock ticks since boot) and the boot's id: together they never come
# again. "" for one that has ended.
# sets: stat_line born boot
birth() {
  stat_line='' born=''
  { read -r stat_line < "/proc/$1/stat"; } 2> /dev/null || return 0
  # Its name, in parentheses, may hold anything.
  stat_line=${stat_line##*) }
  case $stat_line in Z* | X*) return 0 ;; esac
  boot=
  { read -r boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null
  # shellcheck disable=SC2086  # the fields are split on purpose
  set -- $stat_line
  born=${20}-$boot
}

# held_by TOKEN: end this request unless the lock is that operation's.
# sets: held
held_by() {
  held=
  [ ! -f "$own/lock/token" ] || { read -r held < "$own/lock/token"; } 2> /dev/null
  [ "$held" = "$1" ] || { say "this operation no longer holds the lock"; exit 3; }
}

# room: what the disk has left, for an error; core/protocol/complaints.py puts it before the complaints, of which cp and
# tar print one for every file.
# sets: unit
room() {
  for unit in k i; do
    df "-P$unit" . 2> /dev/null | while read -r _ total _ left _; do
      case $unit-$total in
        *-*[!0-9]*) ;; # the heading
        k-*) say "$left kB of $total kB are free in $root" ;;
        *) say "$left of $total inodes are free in $root" ;;
      esac
    done
  done
}
