# shellcheck shell=sh disable=SC2154,SC2317,SC2015  # set and called elsewhere: see agent.sh
# A part of the agent: the lock, who holds it, who may take it, and what ends with it.

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

# displace: the operation that holds the lock is our own, over a connection that broke; its agent has not noticed yet.
displace() {
  { read -r pid started < "$own/lock/process"; } 2> /dev/null
  birth "${pid:-0}"
  [ "$born" = "$started" ] && kill -KILL "$pid" 2> /dev/null && sleep 1
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
