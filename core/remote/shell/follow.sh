# shellcheck shell=sh disable=SC2154  # `silent`, `listener` and `newline` are set by watch.sh, which comes before this file
# Follows files by their names, for as long as somebody listens. On standard input come a line `begin MARK`, a line each
# with the path of `current`, with how many of the last lines are wanted and with how many bytes a second are sent at most, then
# a line `INDEX PATTERN` for each pattern, and `.`. A pattern without a slash at its front is relative to `current`.
#
# Lines that begin with MARK are ours; core/logs/frames.py reads them:
#   MARK ready                          it has begun
#   MARK new                            what was there has been sent: what comes from now on is new
#   MARK files INDEX NUMBER             so many files match it now
#   MARK unread INDEX NAME              a file that may not be read
#   MARK data INDEX SKIPPED CUT NAME    then bytes, a newline, and
#   MARK end
# SKIPPED bytes before these were left out; CUT is 1 where the first line lacks its beginning.
#
# Once a second each name is looked at. A file with another inode is read from its start, after the rest of the one that
# it replaced, wherever in its folder that was renamed to; one that became shorter is read from its start. So rotation in
# both ways, files that come later, and a switch of `current` are followed. Not more is read than what is sent.
BLOCK=65536
WINDOW=262144
MOST_FILES=50

say() { printf '%s\n' "$*"; }

IFS= read -r mark
case $mark in
  "begin "*) mark=${mark#begin } ;;
  *) echo "not run: a start-up file there reads standard input and consumed part of what was sent" >&2; exit 3 ;;
esac
IFS= read -r current
IFS= read -r last
IFS= read -r most
patterns=
while IFS= read -r pattern && [ "$pattern" != . ]; do patterns=$patterns$pattern$newline; done
say
say "$mark ready"
trap 'kill "$listener" 2> /dev/null' EXIT
trap 'exit 0' TERM HUP INT
listen

files=0
first=1

# number INDEX NAME: in `k` the number of a file; one that is not known yet gets the next.
# sets: k files
number() {
  k=1
  while [ "$k" -le "$files" ]; do
    eval "[ \"\$name_$k\" != \"\$2\" ] || [ \"\$index_$k\" != \"\$1\" ]" || return 0
    k=$((k + 1))
  done
  files=$k
  eval "index_$k=\$1 name_$k=\$2 node_$k= place_$k=0 at_$k="
}

# piece FILE FROM BYTES: a part of a file.
piece() {
  dd "if=$1" bs=$BLOCK skip=$(($2 / BLOCK)) count=$(($3 / BLOCK + 2)) 2> /dev/null | tail -c "+$(($2 % BLOCK + 1))" | head -c "$3"
}

# send INDEX NAME FILE FROM TO: what a file has between two places, the end of it where that is more than `budget`.
# sets: from skipped cut budget
send() {
  from=$4 skipped=0 cut=0
  [ "$5" -gt "$from" ] || return 0
  if [ $(($5 - from)) -gt "$budget" ]; then
    skipped=$(($5 - budget - from))
    from=$(($5 - budget)) cut=1
  fi
  budget=$((budget - ($5 - from)))
  say "$mark data $1 $skipped $cut $2"
  piece "$3" "$from" $(($5 - from))
  printf '\n%s end\n' "$mark"
}

# send_last INDEX NAME SIZE: the last lines of a file.
# sets: from cut
send_last() {
  from=0 cut=0
  if [ "$last" -gt 0 ] && [ "$3" -gt 0 ]; then
    [ "$3" -le $WINDOW ] || from=$(($3 - WINDOW)) cut=1
    say "$mark data $1 0 $cut $2"
    piece "$2" "$from" $(($3 - from)) | tail -n "$last"
    printf '\n%s end\n' "$mark"
  fi
}

# send_rest K: what came to a file before another one replaced it, under its old name or another one in that folder,
# which `eval` sets in `old`.
# sets: size
send_rest() {
  eval "old=\$at_$1"
  eval "[ \"\$(stat -L -c %d:%i \"\$old\" 2> /dev/null)\" = \"\$node_$1\" ]" || {
    eval "old=\$(find \"\${old%/*}/\" -maxdepth 1 -type f -inum \"\${node_$1#*:}\" 2> /dev/null)"
    case $old in '' | *"$newline"*) return 0 ;; esac
  }
  size=$(stat -L -c %s "$old" 2> /dev/null) || return 0
  eval "send \"\$index_$1\" \"\$name_$1\" \"\$old\" \"\$place_$1\" \"$size\""
}

# look K NODE SIZE: send what is new in a file. `eval` sets node, index and name.
# sets: place at
look() {
  eval "node=\$node_$1 place=\$place_$1 index=\$index_$1 name=\$name_$1"
  at=$name
  # shellcheck disable=SC2034  # `at` is used by eval
  case $name in /*) ;; *) at=$here/$name ;; esac
  if [ -z "$node" ] && [ -n "$first" ]; then
    send_last "$index" "$name" "$3"
  elif [ "$2" = "$node" ]; then
    [ "$3" -ge "$place" ] || place=0
    send "$index" "$name" "$name" "$place" "$3"
  else
    [ -z "$node" ] || send_rest "$1"
    send "$index" "$name" "$name" 0 "$3"
  fi
  eval "node_$1=\$2 place_$1=\$3 at_$1=\$at"
}

# matching INDEX PATTERN: put the files that a pattern matches into `met`; say how many they are when that changes.
# sets: IFS count name met
matching() {
  count=0
  IFS=
  set +f
  # shellcheck disable=SC2086  # the pattern is expanded, and split nowhere
  for name in $2; do
    [ -f "$name" ] || continue
    case $name in *"$newline"*) continue ;; esac
    number "$1" "$name"
    if [ ! -r "$name" ]; then
      eval "[ \"\$node_$k\" = unread ]" || say "$mark unread $1 $name"
      eval "node_$k=unread"
      continue
    fi
    eval "[ \"\$node_$k\" != unread ]" || eval "node_$k="
    count=$((count + 1))
    [ "$count" -gt $MOST_FILES ] || met="$met $k"
  done
  set -f
  unset IFS
  eval "[ \"\${said_$1-}\" = $count ]" || say "$mark files $1 $count"
  eval "said_$1=$count"
}

# match_all: in `met` the numbers of all files that match a pattern.
# sets: IFS met pattern
match_all() {
  met=
  set -f
  IFS=$newline
  for pattern in $patterns; do
    unset IFS
    case ${pattern#* } in
      /*) matching "${pattern%% *}" "${pattern#* }" ;;
      *) [ -z "$here" ] || matching "${pattern%% *}" "${pattern#* }" ;;
    esac
  done
  unset IFS
}

while [ "$silent" -lt "$SILENT_AFTER" ]; do
  answer
  silent=$((silent + 1))
  budget=$most here=
  if cd "$current" 2> /dev/null; then here=$(pwd -P); else cd /; fi
  match_all
  for k in $met; do
    eval "name=\$name_$k"
    facts=$(stat -L -c '%d:%i %s' "$name" 2> /dev/null) || continue
    look "$k" "${facts% *}" "${facts#* }"
  done
  [ -z "$first" ] || say "$mark new"
  first=
  sleep 1
done
