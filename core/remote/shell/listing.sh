# shellcheck shell=sh disable=SC2034,SC2154,SC2317  # set and called elsewhere: see agent.sh
# A part of the agent: what is really in a tree, by checksum or at a glance.

# manifest [TAG]: the text of a release's manifest, or of the deploy-cache's.
verb_manifest() {
  [ $# -eq 0 ] || named "$1"
  set -- "$own/${1+manifests/}${1-cache}.manifest"
  cd "$root" || exit 1
  # Reading anything but a file (a pipe, a device) may never end.
  [ -f "$1" ] || fail "$1 is not a file"
  cat "$1"
}

# scan [TOKEN]: what deploy-cache really holds, by checksum; with the lock's token, once no upload goes on.
verb_scan() {
  [ -z "${1-}" ] || { holds "$1"; end_uploads; }
  cd "$root/deploy-cache" || exit 1
  listing
}

# tree TAG: what a release really holds, by checksum, and what it held when its prepare hooks had ended.
verb_tree() {
  named "$1"
  cd "$root/releases/$1" || exit 1
  [ ! -f "$root/$own/manifests/$1.made" ] || sed 's/^/made /' "$root/$own/manifests/$1.made"
  listing
}

# listing [BEFORE]: everything below this folder: `d NAME`, `l TARGET NAME`, `x NAME` (is executable), `f SUM NAME`,
# `e NAME` (an empty file), `? NAME`. Names that no line can hold come encoded: `D - NAME`, `L TARGET NAME`,
# `F SUM NAME`, `X SUM NAME`, `O - NAME` (neither file, folder nor link). What not all may read also has its mode:
# `m MODE NAME`, `M MODE NAME`. With BEFORE, a file of earlier `marks`, what
# has the same mark still is not read again: `k NAME`.
# sets: before return
listing() {
  command -v sha256sum > /dev/null 2>&1 || { say "there is no sha256sum"; exit 6; }
  before=${1-}
  # Some versions of sha256sum write a name with a carriage return in a form of their own.
  return=$(printf '\r')
  set -- ! -path "*$newline*" ! -path "*$return*" ! -path '*\\*'
  find . -type d "$@" | sed 's/^/d /'
  find . -type f -perm -100 "$@" | sed 's/^/x /'
  # Not one `-exec … +` in parentheses: BusyBox never runs those that are.
  find . ! -type l "$@" ! -type d ! -type f -exec printf '? %s\n' {} + -o \
    ! -type l "$@" \( -type d ! -perm -055 -o ! -perm -044 \) -exec stat -c 'm %a %n' {} +
  if [ -n "$before" ]; then
    marks > "$before.now"
    comm -12 "$before" "$before.now" | sed 's/^[fl] [0-9]* [0-9.]* /k /'
    comm -13 "$before" "$before.now" > "$before.new"
    sed -n 's/^l [0-9]* [0-9.]* //p' "$before.new" | targets
    sed -n 's/^f [0-9]* [0-9.]* //p' "$before.new" | tr '\n' '\0' | long xargs -0 -r sha256sum | sed 's/^/f /'
  else
    find . -type l "$@" | targets
    find . -type f -size +0 "$@" -print0 | long xargs -0 -r sha256sum | sed 's/^/f /'
    find . -type f -size 0 "$@" | sed 's/^/e /'
  fi
  find . \( -path "*$newline*" -o -path "*$return*" -o -path '*\\*' \) -exec sh -c '
    code() { printf %s "$1" | od -An -v -tx1 | tr -d " \n" | tr a-f A-F | sed "s/../%&/g"; }
    for path; do
      [ -L "$path" ] || echo "M $(stat -c %a "$path") $(code "$path")"
      if [ -L "$path" ]; then
        target=$(readlink "$path" && printf _)
        echo "L $(code "${target%?_}") $(code "$path")"
      elif [ -d "$path" ]; then echo "D - $(code "$path")"
      elif [ -f "$path" ]; then
        [ -x "$path" ] && kind=X || kind=F
        sum=$(sha256sum < "$path")
        echo "$kind ${sum%% *} $(code "$path")"
      else echo "O - $(code "$path")"
      fi
    done' sh {} +
}

# targets: `l TARGET NAME` for the names of links on standard input.
# sets: name target
targets() {
  while IFS= read -r name; do
    target=$(readlink "$name" && printf _) && encode "${target%?_}" && say "l $encoded $name"
  done
}

# shape MODES ENTRY...: a line for each of these entries of this folder and each below them, with its kind, size and
# target: what core/shape.py expects of a complete release. With MODES `yes` another one for what not all may read.
# BusyBox's find has no -printf, and says so before it prints anything.
# sets: modes
shape() {
  modes=$1
  shift
  find "$@" ! -path . \( -type d -printf 'd %p\n' -o -type l -printf 'l %p %l\n' -o -type f -perm -100 -printf 'x %s %p\n' \
    -o -type f -printf 'f %s %p\n' -o -printf '? %p\n' \) 2> /dev/null || {
    find "$@" ! -path . -type d -exec stat -c 'd %n' {} +
    find "$@" -type l -exec sh -c 'for path; do printf "l %s " "$path" && readlink "$path"; done' sh {} +
    find "$@" -type f -perm -100 -exec stat -c 'x %s %n' {} +
    find "$@" -type f ! -perm -100 -exec stat -c 'f %s %n' {} +
    find "$@" ! -type d ! -type l ! -type f -exec stat -c '? %n' {} +
  }
  [ "$modes" != yes ] || find "$@" ! -type l ! -path . \( -type d ! -perm -055 -o ! -perm -044 \) -exec stat -c 'm %a %n' {} + |
    sed -e 's/^m [0-7]*\([0-7][0-7][0-7]\) /m \1 /' -e 's/^\(m [0-7]\)6/\14/' -e 's/^\(m [0-7]\)7/\15/'
}

# marks: a line for each file and link below this folder that is another one once it was touched or replaced: its kind,
# inode and the time of the inode's last change. Those that a line cannot hold are left out.
# sets: return
marks() {
  return=$(printf '\r')
  find . \( -type f -o -type l \) ! -path "*$newline*" ! -path "*$return*" ! -path '*\\*' -printf '%y %i %C@ %p\n' | sort
}

# traces: in `trace`, what is another text once anything in deploy-cache was changed, replaced or removed: of each
# inode's size and the time of its last change. Such times are compared with themselves only, never with each other: a
# clock may have been set back. Hard links from releases change the inode's time, so with them the inode's number and
# its content's time count. A folder that cannot be read has never the same trace twice.
# sets: trace
traces() {
  if [ -e "$own/cache.linked" ]; then set -- '%i %m %T@ %s\n' '%i %a %y %s'; else set -- '%C@ %s\n' '%z %s'; fi
  trace=$({ trace_half 0 "$@" | checksum; } | { sum=$(trace_half 1 "$@" | checksum); read -r rest; say "${sum%% *}${rest%% *}"; })
  [ -n "$trace" ]
}

# trace_half TURN FORMAT STAT-FORMAT: of a half of the deploy-cache; the first one looks at the folder itself, too.
trace_half() {
  {
    cd -P deploy-cache &&
      { [ "$1" -eq 1 ] || trace_part "$2" "$3" . -prune; } && half "$1" trace_part "$2" "$3"
  } 2> /dev/null || say "$$ $(date) unreadable"
}

# trace_part FORMAT STAT-FORMAT WORD...: what `find` finds with these words.
# sets: format other
trace_part() {
  format=$1 other=$2
  shift 2
  find "$@" -printf "$format" || find "$@" -exec stat -c "$other" {} +
}

# half TURN COMMAND WORD...: carry out COMMAND WORD... with every second entry at this folder's top as further words,
# `./NAME` each; TURN is 0 or 1. Where there are many, turn 0 gets `.`, the folder with all of them: a long list of words
# is copied with each that is added.
# sets: turn number entry words
half() {
  turn=$1 number=0
  shift
  for entry in ./* ./.[!.]* ./..?*; do
    if [ -e "$entry" ] || [ -L "$entry" ]; then number=$((number + 1)); fi
  done
  if [ "$number" -gt 200 ]; then
    [ "$turn" -eq 1 ] || "$@" .
    return
  fi
  words=$# number=0
  for entry in ./* ./.[!.]* ./..?*; do
    if [ -e "$entry" ] || [ -L "$entry" ]; then number=$((number + 1)); else continue; fi
    [ $((number % 2)) -eq "$turn" ] || set -- "$@" "$entry"
  done
  [ $# -eq "$words" ] || "$@"
}

# digest FILE: SHA-256 in hex in `sum`, "" where the server has no program for it.
# sets: sum
digest() {
  sum=$(checksum < "$1")
  sum=${sum%% *}
}

# checksum: the SHA-256 of standard input, by whatever program the server has.
checksum() {
  if command -v sha256sum > /dev/null 2>&1; then sha256sum
  elif command -v shasum > /dev/null 2>&1; then shasum -a 256
  elif command -v openssl > /dev/null 2>&1; then openssl dgst -sha256 -r
  fi
}
