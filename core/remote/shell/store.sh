# shellcheck shell=sh disable=SC2154,SC2317  # set and called elsewhere: see agent.sh
# What fetches a pack of the store into deploy-cache; it travels with the request.

# fetch TOKEN SUM BYTES MOST LARGEST LISTING DIGEST KIND ADDRESS REMOVE...: bring deploy-cache to a tree's content with a
# pack, which is the stream of an upload, gzipped, links last. SUM and BYTES are the pack's, MOST are its bytes at most once
# it is unpacked, LARGEST those of its largest file, LISTING is the digest of what `listing` has to say of the pack's
# files, DIGEST that of the tree's manifest. KIND `whole`: the pack has all of the tree; `changes`: it
# has what differs from what deploy-cache holds now, of which the REMOVE paths go first.
#
# `at BYTES` is said each second while the pack comes. deploy-cache is as it was until the pack has proved to be right; if
# this dies later, the cache is unknown, and is compared by checksum next time.
# ADDRESS is a secret: it is given to a program on its standard input only.
# sets: fetched pack most largest word
verb_fetch() {
  holds "$1"
  phase upload
  fetched=$own/incoming/fetched pack=$own/incoming/pack most=$4 largest=$5
  command -v sha256sum > /dev/null 2>&1 || { say "there is no sha256sum"; exit 6; }
  rm -rf "$fetched"
  # An address that has run out is followed by a fresh one: what has come by then stays.
  decode "$9"
  download "$decoded" "$3" || exit 1
  digest "$pack"
  [ "$sum" = "$2" ] || { say "the pack in the store is not what was pushed: its SHA-256 is $sum"; rm -f "$pack"; exit 1; }
  unpack || { rm -rf "$fetched" "$pack"; exit 1; }
  long said_of "$fetched/deploy-cache" > "$own/incoming/listing" || { room; exit 1; }
  digest "$own/incoming/listing"
  [ "$sum" = "$6" ] || { rm -rf "$fetched" "$pack"; fail "the pack in the store has other files than the release"; }
  if [ "$8" = whole ]; then mv "$fetched/$own/incoming/manifest" "$fetched/manifest" || exit 1
  else
    { comm -23 "$own/cache.manifest" "$fetched/$own/incoming/gone" | sort -m - "$fetched/$own/incoming/added"; } > "$fetched/manifest" ||
      { room; exit 1; }
  fi
  digest "$fetched/manifest"
  [ "$sum" = "$7" ] || { rm -rf "$fetched" "$pack"; fail "the pack in the store has another manifest than the release"; }
  clear_cache_of_mounts
  # From here on what lies in deploy-cache was put there by us, also where this dies.
  [ -L "$own/cache.ours" ] || : >> "$own/cache.ours" || exit 1
  [ ! -f "$own/cache.manifest" ] || mv -f "$own/cache.manifest" "$own/incoming/manifest.old" || exit 1
  if [ "$8" = whole ]; then
    { empty deploy-cache && move_all "$fetched/deploy-cache"; } || { room; exit 1; }
  else
    shift 9
    for word; do
      decode "$word"
      case /$decoded/ in */../* | */./* | *//*) fail "not a path in a tree: $decoded" ;; esac
      erase "deploy-cache/$decoded" || exit 1
    done
    if [ -n "$group" ]; then join; else untar . deploy-cache; fi || { room; exit 1; }
  fi
  place "$fetched/manifest" "$own/incoming/manifest" || exit 1
  rm -rf "$fetched" "$pack"
}

# recorded: the digests that records and the journal of what is open name, a line each: the trees that may be needed again.
# Fails where one of them may be out of sight. `served NAME`: a server on which an operation was about to make a release live.
# sets: kept unclear place
verb_recorded() {
  if [ ! -e "$root" ]; then nothing_there; exit 0; fi
  cd -P "$root" 2> /dev/null || fail "the records in $root cannot be read"
  [ -d "$own" ] || { [ ! -e "$own" ] && [ ! -L "$own" ] && exit 0; fail "the records in $root/$own cannot be read"; }
  unclear=$(unclear_records | head -n 1)
  [ -z "$unclear" ] || fail "the record $root/$unclear cannot be read: which tree it needs is unknown"
  # Whether all was read goes past what looks for digests: no word of a record can say it.
  kept=$( { { records && say "read all" >&4; } | tr -c '0-9a-z\n' '\n' | sed -n '/^[0-9a-f]\{64\}$/p' | sort -u; } 4>&1 )
  case $kept in *"read all"*) ;; *) fail "the records in $root/$own cannot be read" ;; esac
  say "$kept" | sed '/^read all$/d'
  for place in journal transitions; do
    [ ! -f "$own/$place.jsonl" ] || grep -a '^{"what": "begin"' "$own/$place.jsonl"
  done 2> /dev/null |
    sed -n 's/.*"servers": \[\([^]]*\)\].*/\1/p' | tr -d '" ' | tr ',' '\n' | sort -u | sed 's/^/served /'
}

# nothing_there: end this request where there may be a root that this login does not see.
# sets: parent
nothing_there() {
  parent=$root
  while [ ! -d "$parent" ]; do
    [ ! -L "$parent" ] || fail "$parent leads nowhere: what lies below it is unknown"
    parent=${parent%/*}
    parent=${parent:-/}
  done
  [ -x "$parent" ] || fail "$parent cannot be entered: what lies below it is unknown"
}

# records: what is in all of them, and in the journal; fails where not all can be read. A folder for records may be a link.
records() {
  [ -x "$own" ] || return 1
  [ ! -e "$own/records" ] || find -L "$own/records" -type f -name '*.toml' -exec cat {} + || return 1
  [ ! -e "$own/transitions.jsonl" ] || { [ -f "$own/transitions.jsonl" ] && cat "$own/transitions.jsonl"; }
}

# unclear_records: what is there in place of a record that can be read, as far as it can be seen; a line each.
unclear_records() {
  [ ! -L "$own/records" ] || [ -d "$own/records" ] || say "$own/records"
  [ ! -L "$own/transitions.jsonl" ] || [ -e "$own/transitions.jsonl" ] || say "$own/transitions.jsonl"
  [ -d "$own/records" ] || return 0
  find -L "$own/records" -name '*.toml' ! -type f ! -type d
  find -L "$own/records" -type f -name '*.toml' -exec grep -aL '^seq = [0-9][0-9]*$' {} +
} 2> /dev/null

# download ADDRESS BYTES: fetch the pack, or the rest of it. No more than BYTES: what comes from elsewhere may never end.
# sets: had child status what
download() {
  size_of_pack
  [ "$had" -ne "$2" ] || return 0
  [ "$had" -lt "$2" ] || { rm -f "$pack"; had=0; }
  find_fetcher
  case $fetcher in
    '') say "there is neither curl nor wget"; exit 6 ;;
    other-wget) say "there is no curl, and its wget cannot keep the address secret"; exit 6 ;;
  esac
  # wget and wget2 write the address into this.
  rm -f "$own/incoming/said"
  ( umask 077 && : > "$own/incoming/said" ) || { room; return 1; }
  fetch_with_"$fetcher" "$1"
  birth "$child"
  [ -z "$born" ] || say "$child $born" >> "$own/lock/upload"
  set -- "$child" "$2"
  look_after "$@" > "$own/incoming/watched" &
  child="$1 $!"
  # The shell says of a process that was ended that it was: what ended it is said below.
  wait "$1" 2> /dev/null
  status=$?
  kill "${child#* }" 2> /dev/null
  wait "${child#* }" 2> /dev/null
  child=
  size_of_pack
  # wget2 ends with 0 also where nothing came; of others the pack itself tells.
  [ "$status" -ne 0 ] || { [ "$fetcher" = wget2 ] && [ "$had" -ne "$2" ]; } || { rm -f "$own/incoming/said"; return 0; }
  if [ -s "$own/incoming/watched" ]; then cat "$own/incoming/watched"
  elif [ "$had" -gt "$2" ]; then say "the store sends more than the pack has"
  else
    what=$(what_was_said < "$own/incoming/said" | head -n 3)
    [ -z "$what" ] || say "$what"
    if [ "$fetcher" != wget2 ]; then say "$fetcher ended with status $status"
    elif [ -z "$what" ]; then say "wget2 broke off after $had of $2 bytes"
    fi
  fi
  rm -f "$own/incoming/said"
  room
  return 1
}

# size_of_pack: in `had`, how much of it is there.
# sets: had
size_of_pack() {
  had=0
  [ ! -f "$pack" ] || had=$(wc -c < "$pack")
  # shellcheck disable=SC2086  # a number, with blanks around it where wc writes them
  had=$((had + 0))
}

# fetch_with_curl, fetch_with_wget, fetch_with_wget2 ADDRESS: begin to fetch what comes after `had` bytes.
# `$!` is the last process of a pipeline. printf is a part of the shell, so no process has the address as a word.
# sets: child
fetch_with_curl() {
  printf 'url = "%s"\n' "$1" | curl -q -K - -sS -f -C "$had" --proto =http,https --connect-timeout 10 -o "$pack" 2> "$own/incoming/said" &
  child=$!
}

# Before 1.16 it has no --no-config, and takes only a file for settings; nor has it --start-pos.
# sets: child
fetch_with_wget() {
  : > "$own/incoming/wgetrc"
  printf '%s\n' "$1" | HOME=/dev/null WGETRC=$own/incoming/wgetrc SYSTEM_WGETRC=$own/incoming/wgetrc wget -nv -t 1 -T 10 --read-timeout=60 --max-redirect=0 -c -O "$pack" -i - 2> "$own/incoming/said" &
  child=$!
}

# `-c` has it begin at the start with -O, and 1.99 has no --start-pos. With `-i -` it may never end. 1.99 leaves
# the port out of `Host`, which is signed. It leaves files in the home folder, whatever it is told.
# sets: child
fetch_with_wget2() {
  set -- "$1" "${1#*://}"
  printf '%s\n' "$1" | HOME=/dev/null "$wget" --no-config --progress=none -o "$own/incoming/said" -t 1 -T 10 --read-timeout=60 --max-redirect=0 --no-compression --no-hsts --no-hpkp --no-ocsp --header="Host: ${2%%/*}" --header="Range: bytes=$had-" -O - -i /dev/stdin 2> /dev/null >> "$pack" &
  child=$!
}

# what_was_said: what went wrong, by what curl, wget or wget2 wrote; without the address, which they write, too.
what_was_said() {
  sed -n -e 's/.*\(curl: ([0-9]*) .*\)/\1/p' -e "s/.*\(ERROR [0-9]*: .*\)/$fetcher: \1/p" \
    -e "s/.*\(failed: .*\)/$fetcher: \1/p; s/.*\(unable to .*\)/$fetcher: \1/p; s/.*\(unrecognized option.*\)/$fetcher: \1/p" \
    -e "s/^\(ERROR: [^?]*\)\$/$fetcher: \1/p; s/^\(Failed to [^?]*\)\$/$fetcher: \1/p" \
    -e "s/^HTTP \(ERROR \)*response \([345][^[]*\) \[.*/$fetcher: HTTP \2/p"
}

# look_after PID BYTES: end a fetch that brings nothing for 30 s or more than it should, and say so; say on the agent's
# output how far it is.
# sets: now last idle
look_after() {
  last=0 idle=0
  while sleep 1 > /dev/null; do
    now=$(wc -c 2> /dev/null < "$pack")
    now=$((now + 0))
    printf 'at %s\n' "$now" >&2
    if [ "$now" -gt "$last" ]; then last=$now idle=0; else idle=$((idle + 1)); fi
    if [ "$now" -gt "$2" ]; then say "the store sends more than the pack has"
    elif [ "$idle" -ge 30 ]; then say "nothing came from the store for 30 s"
    else continue
    fi
    kill "$1" 2> /dev/null
    return
  done
}

# unpack: the pack into a folder that nothing else uses, after a look at what it holds: links come last, so that no file
# is written through one, and nothing has a name outside.
# sets: kinds
unpack() {
  mkdir "$fetched" || { room; return 1; }
  kinds=$(unpacked 2> /dev/null | tar -tvf - 2> /dev/null | cut -c1 | uniq | tr -d '\n')
  case $kinds in
    '' | *[!dl-]* | *l*[!l]*) say "the pack in the store holds what no pack holds"; return 1 ;;
  esac
  if unpacked | tar -tf - 2> /dev/null | astray > /dev/null; then
    say "the pack in the store has a name outside of its tree"
    return 1
  fi
  mkdir -p "$fetched/deploy-cache"
  untar "$fetched" || {
    [ "$(unpacked | wc -c)" -lt "$most" ] || say "the pack in the store holds more than its tree"
    room
    return 1
  }
  # BusyBox lists a hard link as a file: one would be another name for a file outside. One with holes may be of any size.
  case $(find "$fetched" -type f \( -links +1 -o -size +"$largest"c \) | head -n 1) in
    ?*) say "the pack in the store holds what no pack holds"; return 1 ;;
  esac
}

# unpacked: the stream in the pack, which is cut where it is longer than any pack of this tree.
unpacked() { gzip -dc "$pack" | head -c "$most"; }

# astray: of the names on standard input, those that no pack has; fails where there are none.
astray() {
  sed -e '/\/\.\.\//b' -e '/\/\.\.$/b' -e '/^deploy-cache\//d' -e '/^\.turnout\/incoming\/manifest$/d' -e '/^\.turnout\/incoming\/added$/d' -e '/^\.turnout\/incoming\/gone$/d' | grep .
}

# untar FOLDER [MEMBER]: the pack, or a part of it, into a folder. An operation that takes the lock over ends it first.
# sets: child
untar() {
  {
    # shellcheck disable=SC2086  # one word or none
    unpacked | ( cd "$1" && exec tar -xpof - ${2-} ) &
  } 3> /dev/null
  child=$!
  birth "$child"
  [ -z "$born" ] || say "$child $born" >> "$own/lock/upload"
  wait "$child"
}

# said_of FOLDER: what `listing` says of it, sorted, but for the folder itself.
said_of() { ( cd "$1" && listing ) | grep -v -e '^d \.$' -e '^m [0-7]* \.$' | sort; }

# clear_cache_of_mounts: end this request where deploy-cache may not be emptied.
clear_cache_of_mounts() {
  { [ -d deploy-cache ] && [ ! -L deploy-cache ]; } || fail "$root/deploy-cache is not a folder any more: Turnout would write outside the deploy root"
  no_mount_in deploy-cache || exit 1
}

# join: move what the pack changes into deploy-cache. The folders above it are in the pack, too, and tar would give them
# its modes and times: in a shared root they may be another user's.
# sets: inside entry
join() {
  set -- .
  while [ $# -gt 0 ]; do
    inside=$1
    shift
    # shellcheck disable=SC2016
    find "$fetched/deploy-cache/$inside" -mindepth 1 -maxdepth 1 ! -type d -exec sh -c 'mv -f -- "$@" "$0/"' "deploy-cache/$inside" {} + || return
    for entry in "$fetched/deploy-cache/$inside"/* "$fetched/deploy-cache/$inside"/.[!.]* "$fetched/deploy-cache/$inside"/..?*; do
      [ -d "$entry" ] || continue
      if [ -d "deploy-cache/$inside/${entry##*/}" ]; then set -- "$@" "$inside/${entry##*/}"
      else mv -T "$entry" "deploy-cache/$inside/${entry##*/}" || return
      fi
    done
  done
}

# move_all FOLDER: what is in it becomes what is in deploy-cache.
move_all() {
  ( cd "$1" || exit 1
    set --
    for entry in ./* ./.[!.]* ./..?*; do
      if [ -e "$entry" ] || [ -L "$entry" ]; then set -- "$@" "$entry"; else continue; fi
      [ $# -lt 200 ] || { mv "$@" "$root/deploy-cache/" || exit 1; set --; }
    done
    [ $# -eq 0 ] || mv "$@" "$root/deploy-cache/" )
}
