# shellcheck shell=sh disable=SC2154,SC2317  # set and called elsewhere: see agent.sh
# A part of the agent: the lock, who holds it, who may take it, and what ends with it.

# begin TOKEN OWNER PATIENCE ID PROJECT ENVIRONMENT SHARED... (OWNER: lines `word text`, the first `operation ID`; ID "":
# nothing is claimed): make the root's folders, take the lock, claim the root, sweep what an earlier operation left, read
# the state. The journal hears of it by `open`, once there is a plan.
# sets: point status place closed
verb_begin() {
  [ -z "$group" ] || member
  apart
  cd -P "$root" 2> /dev/null || { make_root && cd -P "$root"; } || fail "cannot make $root"
  # Before anything is created there.
  misplaced
  [ -z "$odd" ] || { say "$odd"; exit 5; }
  [ -z "${4-}" ] || alone "$5" "$6"
  mounts
  case $newline$mounted in *"$newline$own/"*)
    point=$newline$mounted
    point=${point#*"$newline$own/"}
    say "$root/$own/${point%%"$newline"*} is a mount point: all of $own has to be one file system; unmount it"
    exit 5
    ;;
  esac
  barred
  closed=0750
  [ -z "$group" ] || closed=2770
  [ -d "$own" ] || { mkdir -p "$own" && chmod "$closed" "$own"; } || fail "cannot make $root/$own"
  [ -d releases ] && [ -d shared ] && [ -d deploy-cache ] && [ -d "$own/records" ] && [ -d "$own/manifests" ] && [ -d "$own/logs" ] ||
    mkdir -p releases shared deploy-cache "$own/records" "$own/manifests" "$own/logs" || fail "cannot write in $root"
  lock "$1" "$2"
  watchdog "$3" &
  [ -z "${4-}" ] || [ -n "$mine" ] || ( claim "$4" "$5" "$6" ) || {
    status=$?
    unlock
    [ "$status" -ne 5 ] || exit 5
    fail "cannot write in $root/$own"
  }
  # Again, now that no other operation works here: what is used from here on was not planted in between.
  misplaced
  [ -z "$odd" ] || { unlock; say "$odd"; exit 5; }
  { sweep && free_cache; } || { unlock; fail "cannot clean up $root/$own"; }
  for place in "$own/journal.jsonl" "$own/transitions.jsonl"; do
    # Recovery needs a journal line of each operation: without one it does not begin. A line that a crash cut is ended.
    # shellcheck disable=SC2094
    { [ ! -s "$place" ] || [ -z "$(tail -c 1 "$place")" ] || echo; } >> "$place" || { unlock; fail "cannot write $root/$place"; }
  done
  # Where it is there, our own operation takes the lock again over a new connection: what it said before stays.
  own_log
  : >> "$log" || { unlock; fail "cannot write $root/$log"; }
  state begun
  [ -z "$split" ] || : > "$own/lock/split" || { unlock; fail "cannot write the lock in $root/$own"; }
  [ $# -le 6 ] || { shift 6; sweep_seeds "$@"; absent "$@"; }
}

# log_of OPERATION: in `log`, where its events are kept.
# sets: log
log_of() {
  case $1 in
    '' | *[!A-Za-z0-9-]*) log=$own/logs/none.jsonl ;;
    *) log=$own/logs/$1.jsonl ;;
  esac
}

# own_log: the same of the operation that holds the lock.
# sets: operation
own_log() {
  operation=
  [ ! -f "$own/lock/owner" ] || { read -r _ operation < "$own/lock/owner"; } 2> /dev/null
  log_of "$operation"
}

# misplaced: in `odd` what has the name of a folder or file of ours and is something else, a line each: through a link we
# would write outside the root, and reading something that is not a file may never end.
# sets: odd place
misplaced() {
  odd=
  for place in releases deploy-cache "$own" "$own/records" "$own/manifests" "$own/logs" "$own/lock"; do
    if [ -L "$place" ]; then odd="$odd$root/$place is a link: Turnout would write outside the deploy root$newline"
    elif [ -e "$place" ] && [ ! -d "$place" ]; then odd="$odd$root/$place is not a folder: move it away$newline"
    fi
  done
  for place in "$own/journal.jsonl" "$own/transitions.jsonl" "$own/freeze" "$own/cache.manifest" \
    "$own/cache.digest" "$own/cache.linked" "$own/cache.ours" "$own/claim" "$own/slots"; do
    if [ -L "$place" ]; then odd="$odd$root/$place is a link: Turnout would write outside the deploy root$newline"
    elif [ -e "$place" ] && [ ! -f "$place" ]; then odd="$odd$root/$place is not a regular file: move it away$newline"
    fi
  done
  # With this link, ../../shared means the same folder where prepare hooks run as it does in releases/TAG.
  [ -L "$own/shared" ] || [ ! -e "$own/shared" ] || odd="$odd$root/$own/shared is not a link: move it away$newline"
}

# remember LINE: what happens now, for the journal and for `transitions`: the last operation that was carried out here
# and those since that have no end. Recovery needs only these lines, and they are never dropped.
remember() { say "$1" >> "$own/transitions.jsonl" && say "$1" >> "$own/journal.jsonl"; }

# close WHAT LINE: the end of an operation in `transitions`: `all` that was open there is settled by it; `own`: it left
# things as they were before it; `own,ID...`: so does it with the operations of these ids, which it undid; `none`: it was
# not among them.
# sets: operation settled rest
close() {
  { read -r _ operation < "$own/lock/owner"; } 2> /dev/null
  [ "$1" != none ] && [ -n "$operation" ] && [ -s "$own/transitions.jsonl" ] || return 0
  # The whole id, as json.dumps writes it: a part of one would settle the operations of others, too.
  operation="\"operation\": \"$operation\""
  settled=$operation
  case $1 in own,*)
    rest=${1#own,},
    while [ -n "$rest" ]; do
      case ${rest%%,*} in '' | *[!0-9a-f]*) ;; *) settled="$settled$newline\"operation\": \"${rest%%,*}\"" ;; esac
      rest=${rest#*,}
    done ;;
  esac
  case $1 in
    all) { grep -aF "$operation" "$own/transitions.jsonl"; say "$2"; } > "$own/incoming/transitions" ;;
    *) grep -avF "$settled" "$own/transitions.jsonl" > "$own/incoming/transitions" || [ $? -eq 1 ] ;;
  esac && mv -T "$own/incoming/transitions" "$own/transitions.jsonl"
}

# lock TOKEN OWNER: take the lock, by renaming a folder that says who holds it already: there is never half a lock.
# A rename of a folder onto one that is not empty fails.
# sets: fresh now tries before holder
lock() {
  fresh=$own/lock.new.$$
  # shellcheck disable=SC2034  # for `state`, which follows
  now=$(date +%s)
  tick
  decode "$2"
  {
    { [ ! -e "$fresh" ] || rm -rf "$fresh"; } && mkdir "$fresh" && say "$1" > "$fresh/token" && say "$self" > "$fresh/process" &&
      { ! itself || say "$me $born" > "$fresh/job"; } &&
      { say "$decoded"; say "server-since $tick"; } > "$fresh/owner" && say begin > "$fresh/phase" && say "$tick" > "$fresh/beat"
  } || { rm -rf "$fresh"; fail "cannot write the lock in $root/$own"; }
  tries=0
  while ! mv -T "$fresh" "$own/lock" 2> /dev/null; do
    first_line "$own/lock/token"
    [ "$line" != "$1" ] || { same_folder && displace; }
    take_dead && continue
    # If it is being given back or taken over at this moment, its owner is not certain yet.
    first_line "$own/lock/process"
    before=$line
    holder=$(lock_lines)
    first_line "$own/lock/process"
    tries=$((tries + 1))
    case $tries-$holder in
      100-*) break ;;
      *-*lock-dead* | *-) ;;
      *) [ "$line" != "$before" ] || [ -L "$own/lock/taking.1" ] || break ;;
    esac
  done
  [ -e "$fresh" ] || return 0
  [ -n "$holder" ] || { mv -T "$fresh" "$own/lock" && return; rm -rf "$fresh"; fail "cannot make the lock $root/$own/lock"; }
  rm -rf "$fresh"
  ! dead_owner > /dev/null || ! beyond "$own/lock/job" "$own/lock/upload" "$own/lock/commands" || {
    say "the operation that held the lock has died, but"
    not_ours
    exit 5
  }
  say "$holder"
  say "time $(date +%s)"
  say "tick $tick"
  exit 4
}

# dead_owner: whether the process that took the lock is gone; prints what it was. A lock that does not name its owner lost
# that in a power failure: it was put there whole, by a rename.
# sets: line pid started
dead_owner() {
  first_line "$own/lock/process"
  [ ${#line} -lt 100 ] || line=
  pid=${line%% *} started=${line#* }
  case $pid-$started in
    -* | *[!0-9a-f-]*) [ -r "$own/lock" ] && [ -x "$own/lock" ] && { [ ! -e "$own/lock/process" ] || [ -r "$own/lock/process" ]; } && say none ;;
    *) gone "$pid" "$started" && say "$pid-$started" ;;
  esac
}

# gone PID BIRTH: whether a process has ended. Unknown where processes of others are hidden from us (hidepid).
gone() {
  birth "$1"
  [ -r /proc/1/stat ] && [ "$born" != "$2" ]
}

# take_dead: move the lock of an owner that is gone out of the way. Of several that see it one makes the link taking.1
# in it, which names it; if that one is killed too, one of the next makes taking.2. It checks the owner again, because
# by then the lock may be another one. What its operation left running ends before others can get the lock: a request that
# was giving it back would else remove theirs; and what had not said so yet ends after that.
# sets: who ours turn taker dead left
take_dead() {
  who=$(dead_owner) && itself || return 1
  ! beyond "$own/lock/job" "$own/lock/upload" "$own/lock/commands" || return 1
  ours="$me-$born" turn=1
  while ! ln -s "$ours" "$own/lock/taking.$turn" 2> /dev/null; do
    taker=$(readlink "$own/lock/taking.$turn") && gone "${taker%%-*}" "${taker#*-}" || return 1
    turn=$((turn + 1))
  done
  left=$(left_running "$own/lock")
  if [ "$(dead_owner)" != "$who" ]; then
    [ "$(readlink "$own/lock/taking.$turn")" != "$ours" ] || rm -f "$own/lock/taking.$turn"
    return 1
  fi
  lock_lines | sed 's/^lock/took/'
  dead=$own/lock.dead.$who
  rm -rf "$dead"
  end_left "$left"
  mv -T "$own/lock" "$dead" 2> /dev/null || return 1
  end_left "$(left_running "$dead")"
}

# same_folder: end the request where our own operation holds this lock for another server: the two are one folder.
# sets: other
same_folder() {
  server_of "$own/lock/owner" && other=$server && server_of "$fresh/owner" && [ "$server" != "$other" ] || return 0
  rm -rf "$fresh"
  say "$root is the deploy root of $other too: both servers are the same folder there."
  say "Remove one of them from the configuration."
  exit 5
}

# server_of FILE: in `server`, the name of the server that the owner of a lock has for it.
# sets: server word rest
server_of() {
  server=
  while read -r word rest; do [ "$word" != server ] || server=$rest; done < "$1"
  [ -n "$server" ]
} 2> /dev/null

# displace: the operation that holds the lock is our own, over a connection that broke; its agent has not noticed yet.
displace() { first_line "$own/lock/process" && end_owner && sleep 1; }

# end_owner: kill the process that the lock names (its line is in `line`), where it still is the same.
# sets: pid started
end_owner() {
  pid=${line%% *} started=${line#* }
  case $pid in '' | *[!0-9]* | 0 | 1) return 1 ;; esac
  birth "$pid"
  [ -n "$born" ] && [ "$born" = "$started" ] && kill -KILL "$pid" 2> /dev/null
}

# left_running LOCK: the lines `PID BIRTH` of what the operation of a lock has started: its request, uploads, commands.
left_running() { cat "$1/job" "$1/upload" "$1/commands" 2> /dev/null; }

# end_left LINES: end what these lines name: an upload or a hook that goes on, or a request whose agent was killed, would
# write while another operation is running.
end_left() {
  say "$1" | while read -r pid started; do
    case $pid in '' | *[!0-9]* | 0 | 1) continue ;; esac
    rounds=0
    while birth "$pid" && [ -n "$born" ] && [ "$born" = "$started" ] && [ "$rounds" -lt 200 ]; do
      signal=TERM
      [ "$rounds" -lt 100 ] || signal=KILL
      # sshd makes each command the leader of a group.
      kill "-$signal" "-$pid" 2> /dev/null || kill "-$signal" "$pid" 2> /dev/null
      sleep 0.02 2> /dev/null || sleep 1
      rounds=$((rounds + 1))
    done
  done
}

# end_uploads: end what this operation's uploads left running: one that was given up may still write what had arrived.
end_uploads() { [ ! -f "$own/lock/upload" ] || end_left "$(cat "$own/lock/upload")"; }

# break OPERATION: remove a stuck lock, after a person confirmed it; the process that holds it is ended, and then what it
# has started (see `take_dead`).
# sets: held holder left dead line
verb_break() {
  cd -P "$root" || exit 1
  held=
  first_line "$own/lock/process"
  holder=$line
  left=$(left_running "$own/lock")
  [ ! -f "$own/lock/owner" ] || held=$(head -c 4000 "$own/lock/owner" | sed -n 's/^operation //p' | head -n 1)
  { [ -d "$own/lock" ] && [ "$held" = "$1" ]; } || fail "this operation no longer holds the lock"
  ! beyond "$own/lock/process" "$own/lock/job" "$own/lock/upload" "$own/lock/commands" || fail "$(not_ours)"
  dead=$own/lock.dead.$$
  line=$holder
  end_owner
  end_left "$left"
  # It may have been given back, or taken over, by now.
  [ -d "$own/lock" ] || return 0
  first_line "$own/lock/process"
  [ "$line" = "$holder" ] || fail "another operation holds the lock by now"
  mv -T "$own/lock" "$dead" || exit 1
  end_left "$(left_running "$dead")"
  rm -rf "$dead"
}

# watchdog SECONDS: end the agent when its lock saw no beat for so long. It ends with the lock, and with the agent.
# It closes the channel with `exec`: with a redirection of the function the shell would keep the old descriptor open, and
# as long as that is open, an operator whose agent was killed does not notice.
# sets: last silent held beat
watchdog() {
  exec > /dev/null 2>&1
  last='' silent=0
  while [ "$silent" -lt "$1" ]; do
    sleep 1
    birth $$
    [ "$$ $born" = "$self" ] || exit 0
    [ -f "$own/lock/process" ] && read -r held < "$own/lock/process" && [ "$held" = "$self" ] || exit 0
    [ -f "$own/lock/beat" ] && read -r beat < "$own/lock/beat"
    silent=$((silent + 1))
    [ "$beat" = "$last" ] || silent=0
    last=$beat
  done
  kill -TERM $$
  sleep 5
  birth $$
  [ "$$ $born" != "$self" ] || kill -KILL $$
}

# phase NAME: the phase that others see in the lock.
phase() { say "$1" > "$own/lock/phase"; }

# holds TOKEN: go into the root, or end this request unless the lock there is ours.
holds() {
  cd -P "$root" 2> /dev/null || { say "the deploy root $root is gone, or can no longer be entered"; exit 3; }
  held_by "$1"
  itself && say "$me $born" > "$own/lock/job"
  # Whoever took the lock before that line was written did not see whom to end.
  held_by "$1"
}

# ask QUESTION CHOICES: in the folder of the lock, what its operation asks (`decoded`) since now; "": nothing any more.
ask() {
  [ -n "$1" ] || rm -f question
  rm -rf answer.*
  [ -z "$1" ] || { say "$tick $1 $2 $decoded" > question.new && mv -f question.new question; }
}

# left_answer: say on standard error what somebody left in our lock for the open question.
# sets: open
left_answer() {
  open=
  { read -r _ open _ < "$root/$own/lock/question"; } 2> /dev/null
  case $open in '' | *[!0-9a-f]*) return ;; esac
  set -- "$root/$own/lock/answer.$open"
  if [ -e "$1" ] || [ -L "$1" ]; then first_line "$1" 2000; say "answer $open $line" >&2; fi
}

# refuse QUESTION: what somebody left as an answer cannot be one: others may answer. The operator's side takes no answer
# that was said before this was.
refuse() {
  case $1 in '' | *[!0-9a-f]*) return ;; esac
  rm -rf "$root/$own/lock/answer.$1"
  say "answer none" >&2
}

# itself: the process of this request in `me` and `born`. If the agent was killed, the one who takes over ends it too.
# sets: me
itself() { { read -r me _ < /proc/self/stat; } 2> /dev/null && birth "$me"; }

# sweep: remove what is half-made and half-removed. Only with the lock held; the release that is half-made has no
# other place than incoming/, so nothing here is ever live. It is removed under a name of its own: an `rm` whose shell
# was killed goes on, and would take what the next operation makes.
# sets: left heap
sweep() {
  for left in releases/.turnout-*; do
    ! abandoned "$left" || erase "$left"
  done
  ! unfinished || ( drop_unfinished )
  next_to_link
  [ ! -L "$next" ] || rm -f "$next"
  ! { swept && bare "$own/trash"; } || return 0
  heap=$own/trash.sweep.$$
  mkdir -p "$heap" && heap_up "$own/incoming" "$own/trash" .current-next && erase "$heap"
  mkdir -p "$own/incoming" "$own/trash"
}

# swept: whether nothing half-made is there.
swept() { bare "$own/incoming" && [ ! -e .current-next ] && [ ! -L .current-next ]; }

# abandoned PATH.PID: whether it exists and no other process is removing it: two that remove the same disturb each other.
# A link is not ours. The number may be that of some other program by now.
abandoned() {
  [ -e "$1" ] && [ ! -L "${1%/*}" ] || return 1
  [ "${1##*.}" = $$ ] || [ ! -d "/proc/${1##*.}" ] || ! grep -qa turnout-agent "/proc/${1##*.}/cmdline" 2> /dev/null
}

# heap_up PATH...: move what is there into the heap.
# sets: place
heap_up() {
  for place; do
    [ ! -e "$place" ] && [ ! -L "$place" ] || mv -T "$place" "$heap/${place##*/}" || return 1
  done
}

# bare FOLDER: whether it is a folder and empty, found without starting a program: each costs a millisecond.
# sets: found
bare() {
  [ -d "$1" ] && [ ! -L "$1" ] || return 1
  for found in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -e "$found" ] || [ -L "$found" ]; then return 1; fi
  done
}

# unlock [and-answer]: give the lock back in one rename, so that half of it is never seen; then remove what is in trash/.
# After the rename another operation may start: only what was moved aside under a unique name is removed.
# Nothing interrupts it: an operator who leaves at the answer would leave rubbish behind.
# sets: how heap gone left
unlock() {
  how=${1-}
  trap '' HUP INT TERM PIPE
  { [ ! -f "$own/lock/upload" ] && [ ! -f "$own/lock/commands" ]; } ||
    end_left "$(cat "$own/lock/upload" "$own/lock/commands" 2> /dev/null)"
  [ -z "$group" ] || [ -f "$own/cache.manifest" ] || share_cache
  [ -d "$own/trash" ] || mkdir -p "$own/trash"
  ! unfinished || ( drop_unfinished ) > /dev/null 2>&1
  # A new one for each request: an older one may still hold what could not be removed.
  heap=$own/trash.${id:-0}.$$
  gone=$heap
  # Most often only the lock is to go, and then it is all of the heap: a program that is not started saves a millisecond.
  if ! { swept && bare "$own/trash"; }; then
    gone=$heap/lock
    mv -T "$own/trash" "$heap" && mkdir "$own/trash"
    swept || heap_up "$own/incoming" .current-next
  fi
  [ -d "$own/incoming" ] || mkdir "$own/incoming"
  set -- "$heap" "$own"/lock.dead.*
  for left in "$own"/trash.* "$own"/lock.new.* .turnout-probe.* releases/.turnout-*; do
    # If its agent is still running, it is removing this, or taking the lock.
    ! abandoned "$left" || set -- "$@" "$left"
  done
  mv -T "$own/lock" "$gone" || rm -rf "$own/lock"
  [ "$how" != and-answer ] || { answer 0; trim_logs; }
  erase "$@" > /dev/null 2>&1 || note_left "$@"
}

# trim_logs: of the events of past operations, the newest 50 files stay, and of those the newest 20 MB and always the last.
# sets: total number
trim_logs() {
  total=0 number=0
  # shellcheck disable=SC2012  # names of our own, and no other program gives size and order in one go everywhere
  ls -tn "$own/logs" | while read -r _ _ _ _ size _ _ _ name; do
    case $name in *.jsonl) ;; *) continue ;; esac
    total=$((total + size)) number=$((number + 1))
    [ "$number" -eq 1 ] || { [ "$number" -le 50 ] && [ "$total" -le 20000000 ]; } || rm -f "$own/logs/$name"
  done
} 2> /dev/null

# note_left HEAP...: a path of each that could not be removed, for later inspections. The next unlock tries again.
# sets: heap
note_left() {
  mkdir -p "$own/trash.$$"
  for heap; do find "$heap" -depth | head -n 1; done > "$own/trash.$$/leftovers" &&
    mv -T "$own/trash.$$/leftovers" "$own/leftovers"
  rmdir "$own/trash.$$"
} 2> /dev/null
