# shellcheck shell=sh disable=SC2154,SC2317,SC2015  # root and mark are set by the bootstrap; verbs are called by name
# The agent: what Turnout runs on a server, one process for one connection (docs/architecture.md).
#
# It is sent line by line, without its comments, and evaluated with `root` (the deploy root) and `mark` (a random
# word) already set. It then reads requests from standard input, one a line:
#
#     ID VERB WORD...         the words are quoted for the shell; \0ooo in them is a byte (printf %b)
#
# and answers each with lines and, last, `MARK ID STATUS`. A request runs in a child process, so the agent keeps
# listening meanwhile: `beat` is answered on standard error, `cancel` ends the child and what it has started.
# When the input ends the operator is gone: the child is ended, half-made things are swept, the lock is given back.
# Every verb that changes something is given the lock's token first and changes nothing where it is another one.
# While it holds the lock, a watchdog beside it ends it when no beat came for `patience` seconds: a network that is
# silent has no end of input.
#
# Statuses: 0 done, 1 failed (the lines say why), 3 not the lock's owner, 4 locked, 5 needs a person, 6 the server lacks a program, 143 cancelled.

LC_ALL=C
export LC_ALL
umask 022
own=.turnout job='' child='' now='' ended='' newline='
'

# decode WORD: the bytes that a word stands for, in `decoded`. A command substitution strips newlines at the end,
# so one more character keeps them.
decode() {
  case $1 in
    *\\*) decoded=$(printf '%b_' "$1") && decoded=${decoded%_} ;;
    *) decoded=$1 ;;
  esac
}

# encode TEXT: printable, without white space, as core.text.encode_path writes it. Few names need the slow way.
encode() {
  case $1 in
    '' | *[!A-Za-z0-9._/+=:,@~-]*)
      encoded=$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F | sed 's/../%&/g') ;;
    *) encoded=$1 ;;
  esac
}

# long COMMAND...: run what may take long so that a cancel ends it: a shell handles a signal only between commands
# or in `wait`. What runs beside a shell gets /dev/null as its input, in dash whatever it was; hence the descriptor 3.
long() {
  { "$@" <&3 3<&- & } 3<&0
  child=$!
  wait "$child"
}

say() { printf '%s\n' "$*"; }

fail() {
  say "$*"
  exit 1
}

# phase NAME: what the lock tells others.
phase() { say "$1" > "$own/lock/phase"; }

# holds TOKEN: go into the root, or end this request unless the lock there is ours.
holds() {
  cd "$root" 2> /dev/null || { say "the deploy root $root is gone"; exit 3; }
  held=
  { read -r held < "$own/lock/token"; } 2> /dev/null
  [ "$held" = "$1" ] || { say "the lock is not held by this operation any more"; exit 3; }
  itself && say "$me $born" > "$own/lock/job"
}

# itself: the process of this request in `me` and `born`. Who takes over after the agent was killed ends it too.
itself() { { read -r me stat_line < /proc/self/stat; } 2> /dev/null && birth "$me"; }

# digest FILE: SHA-256 in hex in `sum`, "" where the server has no program for it.
digest() {
  sum=
  if command -v sha256sum > /dev/null 2>&1; then sum=$(sha256sum < "$1")
  elif command -v shasum > /dev/null 2>&1; then sum=$(shasum -a 256 < "$1")
  elif command -v openssl > /dev/null 2>&1; then sum=$(openssl dgst -sha256 -r < "$1")
  fi
  sum=${sum%% *}
}

# copier: the options with which `cp` copies a tree as it is, sharing blocks where the file system can.
copier() {
  copy=-a
  [ "$1" = hardlink ] && copy=-al && return
  case $(cp --help 2>&1) in *--reflink*) copy='-a --reflink=auto' ;; esac
}

# sweep: remove what is half-made and half-removed. Only with the lock held; the release that is half-made has no
# other place than incoming/, so nothing here is ever live.
sweep() {
  bare "$own/incoming" && bare "$own/trash" && [ ! -e .current-next ] && [ ! -L .current-next ] && return
  rm -rf "$own/incoming" "$own/trash" .current-next
  mkdir -p "$own/incoming" "$own/trash"
}

# bare FOLDER: whether it is a folder and empty, found without starting a program: each costs a millisecond.
bare() {
  [ -d "$1" ] && [ ! -L "$1" ] || return 1
  for found in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -e "$found" ] || [ -L "$found" ]; then return 1; fi
  done
}

# state: what an inspection reads, one fact a line. Reads only.
state() {
  say "time ${now:-$(date +%s)}"
  if ! cd -P "$root" 2> /dev/null; then
    say "root absent"
    parent=$root
    while [ ! -d "$parent" ]; do parent=${parent%/*}; parent=${parent:-/}; done
    [ -w "$parent" ] && [ ! -e "$root" ] && [ ! -L "$root" ] && say "writable yes"
    cd "$parent" || return 1
  else
    say "root present"
    [ -w . ] && say "writable yes"
    here=$PWD
    if [ -L current ]; then
      encode "$(readlink current)"
      say "current link $encoded"
      if cd -P current 2> /dev/null; then
        seen=$PWD
        cd "$here" || return 1
        case $seen in
          "$here/releases/"*) encode "${seen#"$here/releases/"}"; say "live $encoded" ;;
          *) say "live-elsewhere" ;;
        esac
      else
        say "dangling"
      fi
    elif [ -d current ]; then say "current folder"
    elif [ -e current ]; then say "current file"
    else say "current absent"
    fi
    # A folder in releases/ that is itself a link is none of ours.
    if [ -d releases ] && [ ! -L releases ]; then
      for release in releases/* releases/.[!.]*; do
        [ -d "$release" ] && [ ! -L "$release" ] && set -- "$@" "$release"
      done
      [ $# -eq 0 ] || {
        stat -c 'release %Y %n' "$@" 2> /dev/null || for release in "$@"; do printf 'release 0 %s\n' "$release"; done
      }
    fi
    if [ -f "$own/cache.manifest" ] && untouched; then
      digest "$own/cache.manifest"
      say "cache $sum"
    elif [ -n "$(find deploy-cache 2> /dev/null | sed -n 2p)" ]; then say "cache-unknown"
    fi
    set --
    for record in "$own"/records/*.toml; do
      [ -f "$record" ] && [ ! -L "$record" ] && set -- "$@" "$record"
    done
    # Bounded in lines and bytes: whatever lies there, the answer stays sensible.
    [ $# -eq 0 ] || grep -a -m 64 '' "$@" /dev/null 2> /dev/null | cut -c1-2000 | sed -e 's/^/record /' -e 40000q
    [ ! -f "$own/journal.jsonl" ] || tail -n 60 "$own/journal.jsonl" | cut -c1-4000 | sed 's/^/journal /'
    lock_lines
    news
  fi
  stat -f -c 'statfs %S %a %c %d' . 2> /dev/null || {
    df -Pk . 2> /dev/null | sed -n '2s/^/space /p'
    df -Pi . 2> /dev/null | sed -n '2s/^/inodes /p'
  }
  features
}

# untouched: whether nobody but us changed deploy-cache: what is younger than its manifest is not ours. Hard links
# from releases change the inode's time, so with them only the content's time counts.
untouched() {
  age=-cnewer
  [ ! -e "$own/cache.linked" ] || age=-newer
  find "$own/cache.manifest" "$age" "$own/cache.manifest" > /dev/null 2>&1 || age=-newer
  [ -z "$(find deploy-cache "$age" "$own/cache.manifest" 2> /dev/null | head -n 1)" ]
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
  held=-
  [ ! -f "$own/lock/process" ] || read -r held < "$own/lock/process"
  [ -f "$own/journal.jsonl" ] && length=$(wc -c < "$own/journal.jsonl") || length=0
  printf 'news %.100s %s\n' "$held" "$length"
} 2> /dev/null

# lock_lines: the owner of the lock, its phase, its last sign of life, and whether its process still lives.
lock_lines() {
  [ -e "$own/lock/token" ] || return 0
  say "lock held"
  {
    lines=0
    head -c 4000 "$own/lock/owner" | while [ "$lines" -lt 20 ] && IFS= read -r line; do
      printf 'lock-%.500s\n' "$line"
      lines=$((lines + 1))
    done
    IFS= read -r line < "$own/lock/phase" && printf 'lock-phase %.100s\n' "$line"
    IFS= read -r line < "$own/lock/beat" && printf 'lock-beat %.100s\n' "$line"
  } 2> /dev/null
  dead_owner > /dev/null && say "lock-dead yes"
  return 0
}

# dead_owner: whether the process that took the lock is gone; prints what it was.
dead_owner() {
  pid='' started=''
  { read -r pid started < "$own/lock/process"; } 2> /dev/null
  gone "${pid:-0}" "$started" && say "$pid-$started"
}

# gone PID BIRTH: whether a process has ended. Where those of others are hidden from us (hidepid), nobody can tell.
gone() {
  birth "$1"
  [ -r /proc/1/stat ] && [ "$born" != "$2" ]
}

# birth PID: in `born` when a process was started (clock ticks since boot) and the boot's id: together they never come
# again. "" for one that has ended.
birth() {
  stat_line='' born=''
  { read -r stat_line < "/proc/$1/stat"; } 2> /dev/null || return 0
  stat_line=${stat_line##*) }
  case $stat_line in Z* | X*) return 0 ;; esac
  boot=
  { read -r boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null
  # shellcheck disable=SC2086  # the fields are split on purpose
  set -- $stat_line
  born=${20}-$boot
}

# end_left FILE...: end what an operation left running, by the lines `PID BIRTH` of its lock: an upload or a hook that
# goes on, or a request whose agent was killed, would write where somebody else is at work.
end_left() {
  for file; do
    [ ! -f "$file" ] || while read -r pid started; do
      case $pid in '' | *[!0-9]* | 0 | 1) continue ;; esac
      tries=0
      while birth "$pid" && [ -n "$born" ] && [ "$born" = "$started" ] && [ "$tries" -lt 200 ]; do
        signal=TERM
        [ "$tries" -lt 100 ] || signal=KILL
        # sshd makes each command the leader of a group.
        kill "-$signal" "-$pid" 2> /dev/null || kill "-$signal" "$pid" 2> /dev/null
        sleep 0.02 2> /dev/null || sleep 1
        tries=$((tries + 1))
      done
    done < "$file"
  done
}

verb_state() { state; }

# then VERB WORD...: another verb, but only where the request before it was carried out.
verb_then() {
  [ "$ended" = 0 ] || fail "not done, because what comes before it was not"
  verb=$1
  shift
  "verb_$verb" "$@"
}

# glance: whether a look is worth while, for next to nothing.
verb_glance() { ! cd "$root" 2> /dev/null || news; }

# ping: the shortest request, for a figure of the round trip.
verb_ping() { :; }

# begin TOKEN OWNER JOURNAL-LINE PATIENCE (OWNER: lines `word text`): make the root's folders, take the lock, sweep
# what an earlier operation left, read the state.
verb_begin() {
  cd "$root" 2> /dev/null || { mkdir -p "$root" && cd "$root"; } || fail "cannot make $root"
  # Before anything is made there: a link would lead it out of the root.
  for place in releases deploy-cache "$own" "$own/records" "$own/manifests" "$own/lock" "$own/journal.jsonl" \
    "$own/operation.jsonl" "$own/cache.manifest" "$own/cache.linked"; do
    [ ! -L "$place" ] || { say "$root/$place is a link: Turnout would write outside the deploy root"; exit 5; }
  done
  [ -d "$own" ] || { mkdir -p "$own" && chmod 0750 "$own"; } || fail "cannot make $root/$own"
  [ -d releases ] && [ -d shared ] && [ -d deploy-cache ] && [ -d "$own/records" ] && [ -d "$own/manifests" ] ||
    mkdir -p releases shared deploy-cache "$own/records" "$own/manifests" || fail "cannot write in $root"
  lock "$1" "$2"
  sweep || { unlock; fail "cannot sweep $root/$own"; }
  : > "$own/operation.jsonl"
  decode "$3"
  say "$decoded" >> "$own/journal.jsonl"
  watchdog "$4" &
  state
}

# lock TOKEN OWNER: take the lock, by renaming a folder that says who holds it already: there is never half a lock.
# A rename of a folder onto one that is not empty fails.
lock() {
  fresh=$own/lock.new.$$
  now=$(date +%s)
  decode "$2"
  { [ ! -e "$fresh" ] || rm -rf "$fresh"; } && mkdir "$fresh" && say "$1" > "$fresh/token" && say "$self" > "$fresh/process" &&
    { ! itself || say "$me $born" > "$fresh/job"; } &&
    { say "$decoded"; say "server-since $now"; } > "$fresh/owner" && say begin > "$fresh/phase" &&
    say "$now" > "$fresh/beat" || { rm -rf "$fresh"; fail "cannot write the lock in $root/$own"; }
  tries=0
  while ! mv -T "$fresh" "$own/lock" 2> /dev/null; do
    held=
    { read -r held < "$own/lock/token"; } 2> /dev/null
    [ "$held" != "$1" ] || displace
    take_dead && continue
    # Where it was given back in this moment, or is being taken over, who has it is not settled yet.
    tries=$((tries + 1))
    { [ ! -e "$own/lock/token" ] || [ -L "$own/lock/taking.1" ]; } && [ "$tries" -lt 100 ] || break
  done
  [ -e "$fresh" ] || return 0
  rm -rf "$fresh"
  [ -e "$own/lock/token" ] || fail "cannot make the lock $root/$own/lock"
  lock_lines
  say "time $(date +%s)"
  exit 4
}

# take_dead: move the lock of an owner that is gone out of the way. Of several that see it one makes the link taking.1
# in it, which says who; should that one be killed too, one of the next makes taking.2. It looks at the owner again,
# for by then the lock may be another one.
take_dead() {
  who=$(dead_owner) && itself || return 1
  mine="$me-$born" turn=1
  while ! ln -s "$mine" "$own/lock/taking.$turn" 2> /dev/null; do
    taker=$(readlink "$own/lock/taking.$turn") && gone "${taker%%-*}" "${taker#*-}" || return 1
    turn=$((turn + 1))
  done
  if [ "$(dead_owner)" != "$who" ]; then
    [ "$(readlink "$own/lock/taking.$turn")" != "$mine" ] || rm -f "$own/lock/taking.$turn"
    return 1
  fi
  dead=$own/lock.dead.$who
  rm -rf "$dead"
  mv -T "$own/lock" "$dead" 2> /dev/null || return 1
  end_left "$dead/job" "$dead/upload" "$dead/commands"
  say "took-over"
}

# watchdog SECONDS: end the agent when its lock saw no beat for so long. It ends with the lock, and with the agent.
# It lets go of the channel by `exec`: for a redirection of the function the shell keeps the old descriptor open, and
# while it is, an operator whose agent was killed is not told.
watchdog() {
  exec > /dev/null 2>&1
  last='' silent=0
  while [ "$silent" -lt "$1" ]; do
    sleep 1
    birth $$
    [ "$$ $born" = "$self" ] || exit 0
    read -r held < "$own/lock/process" && [ "$held" = "$self" ] || exit 0
    read -r beat < "$own/lock/beat"
    silent=$((silent + 1))
    [ "$beat" = "$last" ] || silent=0
    last=$beat
  done
  kill -TERM $$
  sleep 5
  birth $$
  [ "$$ $born" != "$self" ] || kill -KILL $$
}

# displace: the operation that holds the lock is our own, over a connection that broke; its agent has not noticed yet.
displace() {
  { read -r pid started < "$own/lock/process"; } 2> /dev/null
  birth "${pid:-0}"
  [ "$born" = "$started" ] && kill -KILL "$pid" 2> /dev/null && sleep 1
}

# break OPERATION: remove a lock that will not heal, after a person said so; the process that holds it is ended.
verb_break() {
  cd "$root" || exit 1
  pid='' started=''
  grep -qx "operation $1" "$own/lock/owner" 2> /dev/null || fail "the lock is not held by this operation any more"
  { read -r pid started < "$own/lock/process"; } 2> /dev/null
  dead=$own/lock.dead.$pid-$started
  birth "${pid:-0}"
  [ "$born" != "$started" ] || kill -KILL "$pid" 2> /dev/null
  mv -T "$own/lock" "$dead" || exit 1
  end_left "$dead/job" "$dead/upload" "$dead/commands"
  rm -rf "$dead"
}

# manifest FILE: the text of a manifest.
verb_manifest() { cd "$root" && cat "$own/$1"; }

# scan: what deploy-cache really holds, by checksum.
verb_scan() {
  cd "$root/deploy-cache" || exit 1
  listing
}

# tree TAG: what a release really holds, by checksum, and what its prepare hooks had made when it was published.
verb_tree() {
  cd "$root/releases/$1" || exit 1
  [ ! -f "$root/$own/manifests/$1.made" ] || sed 's/^/made /' "$root/$own/manifests/$1.made"
  listing
}

# listing: everything below this folder: `d NAME`, `l TARGET NAME`, `x NAME` (is executable), `f SUM NAME`, `e NAME` (an
# empty file), `? NAME`. Names that no line can hold come encoded: `D - NAME`, `L TARGET NAME`, `F SUM NAME`, `X SUM NAME`.
listing() {
  command -v sha256sum > /dev/null 2>&1 || { say "there is no sha256sum"; exit 6; }
  # Some versions of sha256sum write a name with a carriage return in a form of their own.
  return=$(printf '\r')
  set -- ! -path "*$newline*" ! -path "*$return*" ! -path '*\\*'
  find . -type d "$@" | sed 's/^/d /'
  find . -type f -perm -100 "$@" | sed 's/^/x /'
  find . -type l "$@" | while IFS= read -r name; do
    target=$(readlink "$name" && printf _) && encode "${target%?_}" && say "l $encoded $name"
  done
  find . -type f -size +0 "$@" -print0 | long xargs -0 -r sha256sum | sed 's/^/f /'
  find . -type f -size 0 "$@" | sed 's/^/e /'
  find . ! -type d ! -type f ! -type l "$@" | sed 's/^/? /'
  find . \( -path "*$newline*" -o -path "*$return*" -o -path '*\\*' \) -exec sh -c '
    code() { printf %s "$1" | od -An -v -tx1 | tr -d " \n" | tr a-f A-F | sed "s/../%&/g"; }
    for path; do
      if [ -L "$path" ]; then
        target=$(readlink "$path" && printf _)
        echo "L $(code "${target%?_}") $(code "$path")"
      elif [ -d "$path" ]; then echo "D - $(code "$path")"
      elif [ -f "$path" ]; then
        [ -x "$path" ] && kind=X || kind=F
        sum=$(sha256sum < "$path")
        echo "$kind ${sum%% *} $(code "$path")"
      else echo "? $(code "$path")"
      fi
    done' sh {} +
}

# stage TOKEN TAG COPY DIGEST PUBLISH RECORD SHARED...: the upload is whole: make the cache's new manifest, copy the
# cache into incoming/TAG, link the shared paths; with PUBLISH yes rename it into releases/ (else hooks come first).
# If it dies, incoming/ is swept; the cache keeps its manifest, which is renamed into place before the copy.
verb_stage() {
  holds "$1"
  phase stage
  tag=$2 publish=$5 record=$6
  if [ -f "$own/incoming/gone" ]; then
    { comm -23 "$own/incoming/manifest.old" "$own/incoming/gone" | sort -m - "$own/incoming/added"; } > "$own/incoming/manifest" ||
      fail "cannot write the manifest of deploy-cache"
  fi
  if [ -f "$own/incoming/manifest" ]; then
    digest "$own/incoming/manifest"
    [ -z "$sum" ] || [ "$sum" = "$4" ] || fail "what arrived in deploy-cache is not what was sent"
    mv "$own/incoming/manifest" "$own/cache.manifest" || fail "cannot write the manifest of deploy-cache"
  else
    digest "$own/cache.manifest"
    [ "$sum" = "$4" ] || fail "deploy-cache is not as the plan saw it"
  fi
  touch "$own/cache.manifest"
  [ ! -e "releases/$tag" ] || fail "releases/$tag exists already"
  copier "$3"
  # shellcheck disable=SC2086  # options, split on purpose
  long cp $copy deploy-cache "$own/incoming/$tag" || { room; exit 1; }
  [ "$3" != hardlink ] || : > "$own/cache.linked"
  ln "$own/cache.manifest" "$own/incoming/$tag.manifest" 2> /dev/null ||
    cp "$own/cache.manifest" "$own/incoming/$tag.manifest" || { room; exit 1; }
  decode "$record"
  printf %s "$decoded" > "$own/incoming/$tag.toml" || fail "cannot write the record"
  shift 6
  for word; do
    decode "$word"
    link_shared "$own/incoming/$tag" "$decoded" || fail "cannot link the shared path $decoded"
  done
  [ "$publish" = no ] || publish "$tag"
}

# room: what the disk has left, for an error.
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

# link_shared FOLDER PATH: replace PATH in a release by a link to shared/PATH. What the release brings seeds shared/
# where it is missing there; a trailing slash means a folder, which is made where nobody brings one.
link_shared() {
  path=${2%/}
  up=../../shared/
  rest=$path inside=$1
  while case $rest in */*) true ;; *) false ;; esac; do
    inside=$inside/${rest%%/*}
    [ ! -L "$inside" ] || { say "${inside#"$1/"} is a link in the release: what is shared below it would lie elsewhere"; return 1; }
    up=../$up
    rest=${rest#*/}
  done
  case $path in */*) mkdir -p "$1/${path%/*}" "shared/${path%/*}" || return 1 ;; esac
  if [ ! -e "shared/$path" ] && [ ! -L "shared/$path" ]; then
    if [ -e "$1/$path" ] || [ -L "$1/$path" ]; then
      # The application writes there: a hard link's other names, in the cache and in other releases, stay as they are.
      if [ -e "$own/cache.linked" ]; then
        rm -rf "$own/incoming/seed" && cp -a "$1/$path" "$own/incoming/seed" && mv "$own/incoming/seed" "shared/$path"
      else mv "$1/$path" "shared/$path"
      fi || return 1
    elif [ "$2" != "$path" ]; then mkdir -p "shared/$path" || return 1
    fi
  fi
  rm -rf "${1:?}/$path" && ln -s "$up$path" "$1/$path"
}

# publish TAG: the release is complete: its files reach the disk, then its record and its folder get their names, each
# by one rename.
publish() {
  long sync -f "$own/incoming/$1" 2> /dev/null || long sync
  [ ! -e "releases/$1" ] && [ ! -L "releases/$1" ] || fail "releases/$1 exists already"
  # A manifest from before may be the same file under another name, which mv refuses.
  rm -f "$own/manifests/$1.manifest"
  mv "$own/incoming/$1.manifest" "$own/manifests/$1.manifest" &&
    mv "$own/incoming/$1.toml" "$own/records/$1.toml" &&
    mv "$own/incoming/$1" "releases/$1" || exit 1
}

# publish TOKEN TAG: after the prepare hooks; what they made is remembered, so that it is not taken for drift.
verb_publish() {
  holds "$1"
  ( cd "$own/incoming/$2" && find . | LC_ALL=C sort ) > "$own/manifests/$2.made"
  publish "$2"
}

# switch TOKEN TAG EXPECTED JOURNAL-LINE: lead `current` to releases/TAG by one rename, and read it back. EXPECTED is
# the target it must have before ("" for none): whoever changed it behind our back wins. The journal says what is going
# to happen before it does; whether it did, `current` itself tells.
verb_switch() {
  holds "$1"
  phase switch
  [ -d "releases/$2" ] && [ ! -L "releases/$2" ] || fail "releases/$2 does not exist"
  decode "$3"
  now=
  [ -L current ] && now=$(readlink current)
  [ -L current ] || [ ! -e current ] || fail "current is not a link"
  [ "$now" = "$decoded" ] || fail "current leads to '$now' and not to '$decoded': somebody changed it meanwhile"
  decode "$4"
  say "$decoded" >> "$own/journal.jsonl"
  replace "releases/$2"
}

# replace TARGET: one rename(2). `ln -sfn` would remove the link first; `mv` without -T moves into the folder.
replace() {
  { [ ! -e .current-next ] && [ ! -L .current-next ] || rm -f .current-next; } && ln -s "$1" .current-next || fail "cannot make a link in $root"
  mv -T .current-next current 2> /dev/null || mv -fh .current-next current || fail "cannot rename over current"
  [ "$(readlink current)" = "$1" ] || fail "current was not switched"
}

# restore TOKEN TARGET JOURNAL-LINE [FROM]: lead `current` back to where it was; "" removes it: there was none. Where
# it does not lead to FROM, the switch never happened or somebody changed it since: it stays as it is.
verb_restore() {
  holds "$1"
  phase switch
  if [ -n "${4-}" ]; then
    decode "$4"
    [ "$(readlink current)" = "$decoded" ] || { say "not switched"; return 0; }
  fi
  decode "$3"
  say "$decoded" >> "$own/journal.jsonl"
  decode "$2"
  if [ -n "$decoded" ]; then replace "$decoded"
  elif [ -L current ]; then rm -f current
  fi
}

# withdraw TOKEN TAG [RECORD]: a release that this operation made and that never went live goes again, record and all;
# one that had been pruned before keeps its manifest and gets its old RECORD back.
verb_withdraw() {
  holds "$1"
  [ "$(readlink current)" != "releases/$2" ] || fail "releases/$2 is live"
  if [ -n "${3-}" ]; then
    decode "$3"
    printf %s "$decoded" > "$own/incoming/record" && mv "$own/incoming/record" "$own/records/$2.toml" || exit 1
  else
    rm -f "$own/records/$2.toml" "$own/manifests/$2.manifest" "$own/manifests/$2.made"
  fi
  [ ! -e "releases/$2" ] || discard "$2"
  long rm -rf "$own/trash/$2"
}

# record TOKEN TAG TEXT: replace a release's record.
verb_record() {
  holds "$1"
  decode "$3"
  printf %s "$decoded" > "$own/incoming/record" && mv "$own/incoming/record" "$own/records/$2.toml"
}

# busy TAG: whether a process has a release as its working directory, where /proc can be read; asks once a request.
busy() {
  [ -n "${folders-}" ] || folders=$(ls -l /proc/[0-9]*/cwd 2> /dev/null)
  case "$folders$newline" in
    *"-> $(pwd -P)/releases/$1/"* | *"-> $(pwd -P)/releases/$1$newline"*) return 0 ;;
    *) return 1 ;;
  esac
}

# discard TAG: out of releases/ by one rename, unless `current` leads there.
discard() {
  case $1 in '' | .* | */*) fail "not a release: $1" ;; esac
  [ -d "releases/$1" ] && [ ! -L "releases/$1" ] || { say "missing $1"; return 0; }
  real=$(cd "releases/$1" && pwd -P) || return 1
  if live=$(cd current 2> /dev/null && pwd -P); then
    case $live/ in "$real"/*) fail "releases/$1 is live" ;; esac
  fi
  mv "releases/$1" "$own/trash/$1"
}

# sizes TAG...: bytes on disk of releases, and of the deploy-cache under the name `.`.
verb_sizes() {
  cd "$root" || exit 1
  for tag; do
    [ -d "releases/$tag" ] && printf 'size %s %s\n' "$tag" "$(long du -sk "releases/$tag" | cut -f1)"
  done
  [ -d deploy-cache ] && printf 'size . %s\n' "$(long du -sk deploy-cache | cut -f1)"
  return 0
}

# remove TOKEN FORCE TAG...: prune; the record stays. With FORCE `yes` also what a running process works in. What
# cannot be removed, for it belongs to somebody else, is named and stays in trash/.
verb_remove() {
  holds "$1"
  phase prune
  force=$2
  shift 2
  for tag; do
    if [ "$force" = no ] && busy "$tag"; then say "busy $tag"
    else discard "$tag" && say "removed $tag"
    fi
  done
  empty_trash
}

empty_trash() {
  long rm -rf "$own/trash"
  mkdir -p "$own/trash"
}

# clear TOKEN: empty the deploy-cache. Its manifest goes first, so that what is half gone is never trusted.
verb_clear() {
  holds "$1"
  phase clear-cache
  rm -f "$own/cache.manifest" && mv deploy-cache "$own/trash/deploy-cache" && mkdir deploy-cache || exit 1
  rm -f "$own/cache.linked"
  empty_trash
}

# events OFFSET: what operation.jsonl has from a byte on, and whether somebody holds the lock: for those who watch.
verb_events() {
  cd "$root" 2> /dev/null || exit 1
  say "time $(date +%s)"
  lock_lines
  [ -f "$own/operation.jsonl" ] || return 0
  say "length $(wc -c < "$own/operation.jsonl")"
  tail -c "+$(($1 + 1))" "$own/operation.jsonl" | head -c 262144 | sed 's/^/event /'
}

# note TOKEN LINE: one line for the journal.
verb_note() {
  holds "$1"
  decode "$2"
  say "$decoded" >> "$own/journal.jsonl"
}

# finish TOKEN JOURNAL-LINE TAG...: prune TAG..., write the journal, sweep and unlock. What is renamed into trash/ is
# removed after the lock is gone; whoever comes next sweeps it too.
verb_finish() {
  holds "$1"
  phase finish
  decode "$2"
  line=$decoded
  shift 2
  for tag; do
    if busy "$tag"; then say "busy $tag"
    elif ( discard "$tag" ) > /dev/null; then say "removed $tag"
    else say "kept $tag"
    fi
  done
  say "$line" >> "$own/journal.jsonl"
  unlock
}

# unlock: give the lock back in one rename, so that nobody sees half of it; then remove what is in trash/. From the
# rename on another operation may be at work, so what is removed has a name of its own, and was there before. Nothing
# interrupts it: an operator who leaves at the answer would leave rubbish behind.
unlock() {
  trap '' HUP INT TERM PIPE
  end_left "$own/lock/upload" "$own/lock/commands"
  bare "$own/incoming" && [ ! -e .current-next ] && [ ! -L .current-next ] || rm -rf "$own/incoming" .current-next
  [ -d "$own/incoming" ] && [ -d "$own/trash" ] || mkdir -p "$own/incoming" "$own/trash"
  mv "$own/trash" "$own/trash.$$" && mkdir "$own/trash"
  set -- "$own/trash.$$" "$own"/lock.dead.*
  for left in "$own"/trash.* "$own"/lock.new.*; do
    # Where the agent lives, it is removing this (two that remove the same disturb each other), or taking the lock.
    [ -d "/proc/${left##*.}" ] || set -- "$@" "$left"
  done
  mv "$own/lock" "$own/trash.$$/lock" || rm -rf "$own/lock"
  [ -z "${id-}" ] || answer 0
  rm -rf "$@"
}

# stop PID: end a hook's processes. sshd makes each command the leader of a session, so its group is the command.
verb_stop() {
  case $1 in '' | *[!0-9]* | 0 | 1) fail "not a process: $1" ;; esac
  kill -TERM "-$1" 2> /dev/null || kill -TERM "$1" 2> /dev/null
  sleep 1
  kill -KILL "-$1" 2> /dev/null || kill -KILL "$1" 2> /dev/null
  return 0
}

# examine SHARED...: what `turnout doctor` asks beyond the state.
verb_examine() {
  state
  say "user $(id -un 2> /dev/null || id -u)"
  say "shell $(readlink "/proc/$$/exe" 2> /dev/null || echo sh)"
  say "tar $(tar --version 2>&1 | head -n 1)"
  cd "$root" 2> /dev/null || return 0
  for word; do
    decode "$word"
    [ -e "shared/${decoded%/}" ] || { encode "$decoded"; say "shared-missing $encoded"; }
  done
  [ -w . ] || return 0
  probe=.turnout-probe.$$
  mkdir "$probe" && mkdir "$probe/a" "$probe/b" && ln -s a "$probe/current" && ln -s b "$probe/next" && {
    if mv -T "$probe/next" "$probe/current" 2> /dev/null && [ "$(readlink "$probe/current")" = b ]; then say "switch mv -T"
    elif mv -fh "$probe/next" "$probe/current" 2> /dev/null && [ "$(readlink "$probe/current")" = b ]; then say "switch mv -h"
    else say "switch none"
    fi
  }
  rm -rf "$probe"
}

# alive: a sign of life from the operator, for the watchdog and for others who look at the lock.
alive() {
  held=
  { read -r held < "$root/$own/lock/process"; } 2> /dev/null
  # Not emptied first: on a full disk it could not be filled again.
  [ "$held" != "$self" ] || date +%s 1<> "$root/$own/lock/beat"
} 2> /dev/null

# leave: the input ended or the agent was told to go. Only a lock of our own is given back.
leave() {
  trap '' HUP INT TERM PIPE
  [ -z "$job" ] || { kill "$job" 2> /dev/null; wait "$job" 2> /dev/null; }
  held=
  cd "$root" 2> /dev/null && { read -r held < "$own/lock/process"; } 2> /dev/null
  if [ "$held" = "$self" ]; then
    was=
    { read -r was < "$own/lock/phase"; } 2> /dev/null
    printf '{"what":"interrupted","phase":"%s","time":%s}\n' "$was" "$(date +%s)" | tee -a "$own/operation.jsonl" >> "$own/journal.jsonl"
    unlock
  fi 2> /dev/null
  # Told to go while it was about to take the lock.
  [ ! -e "$root/$own/lock.new.$$" ] || rm -rf "$root/$own/lock.new.$$"
  exit 0
}

# run ID VERB WORD...: one request, in a child of the agent. However it ends, an answer is given.
run() {
  id=$1 verb=$2
  shift 2
  trap 'answer "$?"' EXIT
  trap '[ -z "$child" ] || kill "$child" 2> /dev/null; exit 143' TERM
  exec 2>&1
  "verb_$verb" "$@"
  exit
}

# answer STATUS: the last line of an answer; what a verb does after it, nobody waits for.
answer() {
  trap - EXIT
  printf '\n%s %s %s\n' "$mark" "$id" "$1"
}

birth $$
self="$$ $born"
trap leave HUP INT TERM PIPE
printf '\n%s ready %s\n' "$mark" "$$"
# The requests that came with the program are in `first`, a line each.
while
  if [ -n "$first" ]; then request=${first%%"$newline"*} first=${first#*"$newline"}
  else IFS= read -r request
  fi
do
  case $request in
    beat) alive; say beat >&2 ;;
    event\ *) alive; ( eval "set -- $request" && decode "$2" && [ "$held" = "$self" ] && say "$decoded" >> "$root/$own/operation.jsonl" ) 2> /dev/null ;;
    cancel) [ -z "$job" ] || kill "$job" 2> /dev/null ;;
    leave) break ;;
    *)
      [ -z "$job" ] || { wait "$job"; ended=$?; }
      eval "run $request" < /dev/null &
      job=$!
      ;;
  esac
done
leave
