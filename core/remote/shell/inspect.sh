# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC2015  # set and called elsewhere: see agent.sh
# A part of the agent: what only looks.

# state SHARED...
verb_state() { state && absent "$@"; }

# state [begun]: what an inspection reads, one fact a line. Reads only.
state() {
  begun=${1-} live=
  set --
  say "time ${now:-$(date +%s)}"
  tick
  say "tick $tick"
  if ! cd -P "$root" 2> /dev/null; then
    say "root absent"
    say "cache-empty"
    parent=$root
    while [ ! -d "$parent" ]; do parent=${parent%/*}; parent=${parent:-/}; done
    [ -w "$parent" ] && [ ! -e "$root" ] && [ ! -L "$root" ] && say "writable yes"
    cd -P "$parent" || return 1
    ! surrounded "$PWD" || { encode "$outer"; say "outer $encoded"; }
  else
    say "root present"
    [ -w . ] && say "writable yes"
    whose "$begun"
    here=$PWD
    if [ -L current ]; then
      encode "$(readlink current)"
      say "current link $encoded"
      if cd -P current 2> /dev/null; then
        seen=$PWD
        cd "$here" || return 1
        case $seen in
          "$here/releases/"*) live=${seen#"$here/releases/"}; encode "$live"; say "live $encoded" ;;
          *) say "live-elsewhere" ;;
        esac
      else
        [ -e current ] && say "dangling closed" || say "dangling"
      fi
    elif [ -d current ]; then say "current folder"
    elif [ -e current ]; then say "current file"
    else say "current absent"
    fi
    [ "$begun" = begun ] || mounts
    # A folder in releases/ that is itself a link is none of ours. A long list of words is copied with each that is added.
    [ ! -d releases ] || { [ -r releases ] && [ -x releases ]; } || say "unreadable releases"
    [ ! -d releases ] || [ -L releases ] || for release in releases/* releases/.[!.]*; do
      case $release in releases/.turnout-*) continue ;; esac
      [ -d "$release" ] && [ ! -L "$release" ] && set -- "$@" "$release"
      [ $# -lt 200 ] || { placed "$@"; set --; }
    done
    for place in . shared deploy-cache releases "$own"; do
      [ ! -d "$place" ] || [ -L "$place" ] || set -- "$place" "$@"
    done
    places "$@"
    # What the cache holds is known where its manifest is whole, with the digest that was noted with it, and nothing
    # there has been touched since. A cache that cannot be looked into is not empty.
    sum='' noted='' traced=''
    {
      [ ! -f "$own/cache.manifest" ] || [ ! -f "$own/cache.digest" ] || read -r noted traced < "$own/cache.digest"
      [ -z "$traced" ] || ! traces || [ "$trace" != "$traced" ] || digest "$own/cache.manifest"
    } 2> /dev/null
    if [ -n "$sum" ] && [ "$sum" = "$noted" ]; then say "cache $sum"
    elif [ ! -e deploy-cache ] && [ ! -L deploy-cache ]; then say "cache-empty"
    elif [ -r deploy-cache ] && [ -x deploy-cache ] && bare deploy-cache; then say "cache-empty"
    else
      set -- "$(du -sk deploy-cache 2> /dev/null)" "$(find deploy-cache 2> /dev/null | wc -l)"
      say "cache-unknown ${1%%[!0-9]*} $(($2))"
    fi
    set --
    for place in "$own" "$own/records" "$own/manifests"; do
      [ ! -d "$place" ] || { [ -r "$place" ] && [ -x "$place" ]; } || say "unreadable $place"
    done
    set -- "$own"/records/*.toml
    if [ $# -le 300 ]; then readable "$@"; else newest $#; fi
    told journal 20
    told transitions 200
    for file in "$own"/records/*.pinned; do
      [ ! -e "$file" ] && [ ! -L "$file" ] || { first_line "$file"; file=${file%.pinned}; encode "${file##*/}"; say "pinned $encoded $line"; }
    done
    for file in "$own"/manifests/*.unused; do
      [ ! -f "$file" ] || { file=${file%.unused}; encode "${file##*/}"; say "unused $encoded"; }
    done
    leftovers
    # Of a lock that it has just taken itself, an operation needs no word.
    [ "$begun" = begun ] || { lock_lines; news; }
  fi
  set -- .
  [ "$PWD" != "${here-}" ] || for place in "$own" releases deploy-cache; do
    [ ! -d "$place" ] || [ -L "$place" ] || set -- "$@" "$place"
  done
  stat -f -c 'statfs %S %a %c %d %n' "$@" 2> /dev/null || {
    df -Pk . 2> /dev/null | sed -n '2s/^/space /p'
    df -Pi . 2> /dev/null | sed -n '2s/^/inodes /p'
  }
  features
}

# absent SHARED...: the shared paths that are not in shared/, and links there that lead nowhere. Of one below a folder
# that we may not look into, nothing is known.
absent() {
  for word; do
    decode "$word"
    decoded=${decoded%/}
    [ ! -e "$root/shared/$decoded" ] || continue
    encode "$decoded"
    if [ -L "$root/shared/$decoded" ]; then say "shared-dangling $encoded"; continue; fi
    above=$root/shared/$decoded
    while above=${above%/*}; [ -n "$above" ] && [ ! -e "$above" ]; do :; done
    [ ! -x "${above:-/}" ] || say "shared-missing $encoded"
  done
}

# places FOLDER...: the device number, time and name of each, and what is mounted below the root. `split` says yes where
# a rename from .turnout to releases/ is none: their devices differ, or one of them is a mount point.
places() {
  split='' found=''
  [ $# -eq 0 ] || found=$(placed "$@")
  [ -z "$found" ] || say "$found"
  [ "$1-${2-}" != "$own-releases" ] || {
    device=${found#place } rest=${found#*"$newline"place }
    [ "${device%% *}" = "${rest%% *}" ] || split=yes
  }
  [ -n "$mounted" ] || return 0
  case $newline$mounted$newline in *"$newline$own$newline"* | *"${newline}releases$newline"*) split=yes ;; esac
  [ "$mounted" = '?' ] || printf '%s\n' "$mounted" | sed -e 's/^/mount /' -e 100q
}

# placed FOLDER...: the device number, time and name of each.
placed() { stat -c 'place %d %Y %n' "$@" 2> /dev/null || for place; do printf 'place 0 0 %s\n' "$place"; done; }

# readable FILE...: the records that can be read, and the names of those that cannot: they are not taken for absent.
readable() {
  number=$#
  for record; do
    if [ ! -f "$record" ] || [ -L "$record" ] || [ ! -r "$record" ] || [ ! -s "$record" ]; then
      [ ! -e "$record" ] && [ ! -L "$record" ] || { encode "$record"; say "unreadable $encoded"; }
    else set -- "$@" "$record"
    fi
  done
  shift "$number"
  # Bounded in lines and bytes: whatever lies there, the answer stays sensible.
  [ $# -eq 0 ] || grep -a -m 64 '' "$@" /dev/null 2> /dev/null | cut -c1-8000 | sed -e 's/^/record /'
}

# newest COUNT: of so many records the 300 with the highest numbers, and the 50 that are older than the live one. Of
# others whose files are still there: `older TAG NUMBER [pinned] [failed]`; of the rest: how many, `unlisted N`.
newest() {
  index=$(find "$own/records" -type f -name '*.toml' -exec grep -a -m 64 -e '^seq = [0-9][0-9]*$' -e '^pinned = true$' -e '^failed = "[^"]' /dev/null {} + 2> /dev/null |
    sort -t= -k2,2 -rn)
  marks=$newline$(printf '%s\n' "$index" | grep -e '\.toml:pinned' -e '\.toml:failed')
  total=$1 number=0 unlisted=0 near=0
  set -f --
  IFS=$newline
  for line in $index; do
    rest=${line#*.toml:}
    case $rest in 'seq = '*) ;; *) continue ;; esac
    tag=${line%%.toml:*}
    record=$tag.toml tag=${tag##*/}
    number=$((number + 1))
    [ "$tag" != "$live" ] || near=$((number + 50))
    if [ "$number" -le 300 ] || [ "$number" -le "$near" ]; then set -- "$@" "$record"
    elif [ -d "releases/$tag" ]; then
      marked=
      case $marks in *"$newline$record:pinned"*) marked=' pinned' ;; esac
      case $marks in *"$newline$record:failed"*) marked="$marked failed" ;; esac
      say "older $tag ${rest#seq = }$marked"
    else unlisted=$((unlisted + 1))
    fi
  done
  unset IFS
  set +f
  readable "$@"
  [ "$number" -ge "$total" ] || lost
  say "unlisted $unlisted"
}

# lost: the records that have no number: nobody can read them.
lost() {
  for record in "$own"/records/*.toml; do
    [ -f "$record" ] && [ ! -L "$record" ] && [ -r "$record" ] && [ -s "$record" ] || { encode "$record"; say "unreadable $encoded"; }
  done
  find "$own/records" -type f -name '*.toml' -size +0 -exec grep -aL '^seq = [0-9][0-9]*$' {} + 2> /dev/null |
    while IFS= read -r record; do encode "$record"; say "unreadable $encoded"; done
}

# records TAG...: records of releases that `state` did not tell of whole.
verb_records() {
  named "$@"
  cd -P "$root" || exit 1
  number=$#
  for tag; do
    set -- "$@" "$own/records/$tag.toml"
  done
  shift "$number"
  readable "$@"
}

# told NAME LINES: the last lines of a journal; one that is there and cannot be read is not empty.
told() {
  place=$own/$1.jsonl
  if [ -f "$place" ] && [ -r "$place" ]; then tail -n "$2" "$place" | cut -c1-60000 | sed "s/^/${1%s} /"
  elif [ -e "$place" ] || [ -L "$place" ]; then say "unreadable $place"
  fi
}

# leftovers: what could not be removed after an operation, as far as it is still there.
leftovers() {
  [ ! -f "$own/leftovers" ] || head -c 8000 "$own/leftovers" | while IFS= read -r path; do
    [ ! -e "$path" ] && [ ! -L "$path" ] || { encode "$path"; say "leftover $encoded"; }
  done
}

# traces: in `trace`, what is another text once anything in deploy-cache was changed, replaced or removed: of each
# inode's size and the time of its last change. Such times are compared with themselves only, never with each other: a
# clock may have been set back. Hard links from releases change the inode's time, so with them the inode's number and
# its content's time count. A folder that cannot be read has never the same trace twice.
traces() {
  if [ -e "$own/cache.linked" ]; then set -- '%i %m %T@ %s\n' '%i %a %y %s'; else set -- '%C@ %s\n' '%z %s'; fi
  trace=$({ trace_half 0 "$@" | checksum; } | { sum=$(trace_half 1 "$@" | checksum); read -r rest; say "${sum%% *}${rest%% *}"; })
  [ -n "$trace" ]
}

# trace_half TURN FORMAT STAT-FORMAT: of a half of the deploy-cache; both halves look at the folder itself.
trace_half() {
  { cd -P deploy-cache && trace_part "$2" "$3" . -prune && half "$1" trace_part "$2" "$3"; } 2> /dev/null || say "$$ $(date) unreadable"
}

# trace_part FORMAT STAT-FORMAT WORD...: what `find` finds with these words.
trace_part() {
  format=$1 other=$2
  shift 2
  find "$@" -printf "$format" || find "$@" -exec stat -c "$other" {} +
}

# half TURN COMMAND WORD...: carry out COMMAND WORD... with every second entry at this folder's top as further words,
# `./NAME` each; TURN is 0 or 1. Where there are many, turn 0 gets `.`, the folder with all of them: a long list of words
# is copied with each that is added.
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

features() {
  for tool in zstd gzip sha256sum shasum comm tar; do
    command -v "$tool" > /dev/null 2>&1 && say "feature $tool"
  done
  case $(cp --help 2>&1) in *--reflink*) say "feature reflink" ;; esac
}

# news: a line that is another one whenever an operation has begun or ended: who holds the lock, and how long the
# journal is.
news() {
  first_line "$own/lock/process"
  [ -f "$own/journal.jsonl" ] && length=$(wc -c < "$own/journal.jsonl") || length=0
  say "news ${line:--} $length"
} 2> /dev/null

# tick: in `tick`, a time that nobody sets: `up N`, seconds since the machine was started; else its clock's.
tick() {
  tick=
  { read -r tick _ < /proc/uptime; } 2> /dev/null
  tick=${tick%%.*}
  [ -n "$tick" ] && tick=up$tick || tick=$(date +%s)
}

# lock_lines: the owner of the lock, its phase, its last sign of life, and whether its process still lives.
lock_lines() {
  [ -d "$own/lock" ] && ! bare "$own/lock" || return 0
  say "lock held"
  [ ! -f "$own/lock/owner" ] || head -c 4000 "$own/lock/owner" 2> /dev/null | sed -e 's/^/lock-/' -e 20q
  for fact in phase beat; do
    first_line "$own/lock/$fact"
    [ -z "$line" ] || say "lock-$fact $line"
  done
  dead_owner > /dev/null && say "lock-dead yes"
  return 0
}

# digest FILE: SHA-256 in hex in `sum`, "" where the server has no program for it.
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

# glance: whether a look is worth while, for next to nothing.
verb_glance() { ! cd "$root" 2> /dev/null || news; }

# manifest [TAG]: the text of a release's manifest, or of the deploy-cache's.
verb_manifest() {
  [ $# -eq 0 ] || named "$1"
  set -- "$own/${1+manifests/}${1-cache}.manifest"
  cd "$root" || exit 1
  # What is none of our files (a pipe, a device) may never end.
  [ -f "$1" ] || fail "$1 is no file"
  cat "$1"
}

# events OFFSET: what operation.jsonl has from a byte on, and whether somebody holds the lock: for those who watch.
verb_events() {
  case $1 in '' | *[!0-9]*) fail "not a place in a file: $1" ;; esac
  cd "$root" 2> /dev/null || exit 1
  say "time $(date +%s)"
  lock_lines
  [ -f "$own/operation.jsonl" ] || return 0
  say "length $(wc -c < "$own/operation.jsonl")"
  tail -c "+$(($1 + 1))" "$own/operation.jsonl" | head -c 262144 | sed 's/^/event /'
}

# sizes TAG...: kB that the removal of all these releases frees, by release; `.` is the deploy-cache. `size-at-most` where
# what stays may share blocks with them in a way that nobody sees.
verb_sizes() {
  cd "$root" || exit 1
  going=$newline
  for tag; do
    [ "$tag" = . ] || named "$tag"
    [ "$tag" != . ] && place=releases/$tag || place=deploy-cache
    shift
    [ ! -d "$place" ] || { set -- "$@" "$place"; going=$going$place$newline; }
  done
  [ $# -gt 0 ] || return 0
  # Of a file with several names du counts the first: what stays goes first.
  [ -z "$(find "$@" -type f -links +1 2> /dev/null | head -n 1)" ] || {
    for place in releases/* releases/.[!.]* deploy-cache; do
      case $going in *"$newline$place$newline"*) ;; *) [ ! -d "$place" ] || set -- "$place" "$@" ;; esac
    done
    # BusyBox forgets what it has counted with each word.
    [ "$(du -sk "$own" "$own" 2> /dev/null | wc -l)" -eq 1 ] || say size-at-most
  }
  case $(stat -f -c %T . 2> /dev/null) in btrfs | xfs | zfs | bcachefs | ocfs2 | overlay*) say size-at-most ;; esac
  long du -sk "$@" 2> /dev/null | while read -r kilobytes place; do
    case $going in
      *"$newline$place$newline"*)
        tag=${place#releases/}
        [ "$tag" != deploy-cache ] || [ "$place" != deploy-cache ] || tag=.
        say "size $tag $kilobytes" ;;
    esac
  done
}

# scan: what deploy-cache really holds, by checksum.
verb_scan() {
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
# `F SUM NAME`, `X SUM NAME`, `O - NAME` (neither file, folder nor link). What not all may read has its mode besides:
# `m MODE NAME`, `M MODE NAME`. With BEFORE, a file of earlier `marks`, what
# has the same mark still is not read again: `k NAME`.
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
targets() {
  while IFS= read -r name; do
    target=$(readlink "$name" && printf _) && encode "${target%?_}" && say "l $encoded $name"
  done
}

# shape MODES ENTRY...: a line for each of these entries of this folder and each below them, with its kind, size and
# target: what core/shape.py expects of a complete release. With MODES `yes` another one for what not all may read.
# BusyBox's find has no -printf, and says so before it prints anything.
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
    sed 's/^m [0-7]*\([0-7][0-7][0-7]\) /m \1 /'
}

# marks: a line for each file and link below this folder that is another one once it was touched or replaced: its kind,
# inode and the time of the inode's last change. Those that a line cannot hold are left out.
marks() {
  return=$(printf '\r')
  find . \( -type f -o -type l \) ! -path "*$newline*" ! -path "*$return*" ! -path '*\\*' -printf '%y %i %C@ %p\n' | sort
}
