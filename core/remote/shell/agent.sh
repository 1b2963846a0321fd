# shellcheck shell=sh disable=SC2034,SC2154,SC2317  # set by the bootstrap and used in the other parts; verbs are called by name
# The agent: what Turnout runs on a server, one process for one connection (docs/architecture.md).
#
# The other files of this folder but incoming.sh, upload.sh, lane.sh, download.sh, doctor.sh, content.sh, answer.sh, patch.sh, slots.sh and store.sh come before this file and
# are parts of it: verbs and what they share.
# It is sent line by line, without its comments, and evaluated with `root` (the deploy root) and `mark` (a random
# word) already set, and where turnout.toml says so `mask` (the umask) and `group` (who shares the root). It then reads requests from standard input, one a line:
#
#     ID VERB WORD...         the words are quoted for the shell; \0ooo in them is a byte (printf %b)
#
# and answers each with lines and, last, `MARK ID STATUS`. A request runs in a child process, so the agent keeps
# listening meanwhile: `beat` is answered on standard error, `cancel` ends the child and what it has started.
# When the input ends the operator is gone: the child is ended, half-made things are swept, the lock is given back.
# Every verb that changes something gets the lock's token first, and changes nothing if the lock has another one.
# While it holds the lock, a watchdog process ends it if no beat came for `patience` seconds: a silent network does not
# end the input.
#
# docs/agent.md has every verb, its words, the lines of its answer, and what the statuses mean.
#
# A shell function has no variables of its own: `# sets:` above each names those that its own commands leave changed, but
# for what `eval` sets; a function that it calls says so itself.

LC_ALL=C
export LC_ALL
umask "${mask:-022}"
own=.turnout link=${link:-current} group=${group-} job='' child='' now='' ended='' asked='' unseen='' profile=${profile-}

# decode WORD: the bytes that a word encodes, in `decoded`. A command substitution strips newlines at the end,
# so one more character keeps them.
# sets: decoded
decode() {
  case $1 in
    *\\*) decoded=$(printf '%b_' "$1") && decoded=${decoded%_} ;;
    *) decoded=$1 ;;
  esac
}

# encode TEXT: printable, without white space, as core.text.encode_path writes it. Few names need the slow way.
# sets: encoded
encode() {
  case $1 in
    '' | *[!A-Za-z0-9._/+=:,@~-]*)
      encoded=$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F | sed 's/../%&/g') ;;
    *) encoded=$1 ;;
  esac
}

# long COMMAND...: run what may take long so that a cancel ends it: a shell handles a signal only between commands
# or in `wait`. What runs beside a shell gets /dev/null as its input, in dash whatever it was; hence the descriptor 3.
# sets: child
long() {
  { "$@" <&3 3<&- & } 3<&0
  child=$!
  wait "$child"
}

fail() {
  say "$*"
  exit 1
}

# named TAG...: end this request unless each is a release's tag, by the rule of core.records.is_tag: it becomes a
# folder's name, and a file's.
# sets: name
named() {
  for name; do
    case $name in
      '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]* | *..*) fail "not a release's name: $name" ;;
    esac
    [ ${#name} -le 100 ] || fail "not a release's name: $name"
  done
}

# then VERB WORD...: another verb, but only where the request before it was carried out.
# sets: verb
verb_then() {
  [ "$ended" = 0 ] || fail "not done, because an earlier request failed"
  verb=$1
  shift
  "verb_$verb" "$@"
}

# unseen VERB WORD...: another verb, but its look at this server leaves the deploy-cache out: that takes longest.
# sets: unseen verb
verb_unseen() {
  unseen=yes verb=$1
  shift
  "verb_$verb" "$@"
}

# with PROGRAM VERB WORD...: a verb of a program that travels with the request, because it is rarely needed.
# sets: verb
verb_with() {
  decode "$1"
  eval "$decoded"
  verb=$2
  shift 2
  "verb_$verb" "$@"
}

# ping: the shortest request, to measure a round trip.
verb_ping() { :; }

# stop PID: end a hook's processes. sshd makes each command the leader of a session, so its group is the command.
verb_stop() {
  case $1 in '' | *[!0-9]* | 0 | 1) fail "not a process: $1" ;; esac
  kill -TERM "-$1" 2> /dev/null || kill -TERM "$1" 2> /dev/null
  sleep 1
  kill -KILL "-$1" 2> /dev/null || kill -KILL "$1" 2> /dev/null
  return 0
}

# alive: notes a heartbeat of the operator, for the watchdog and for others who look at the lock.
# sets: held
alive() {
  held=
  [ ! -f "$root/$own/lock/process" ] || read -r held < "$root/$own/lock/process"
  # Not emptied first: on a full disk it could not be filled again.
  [ "$held" != "$self" ] || { tick && say "$tick" 1<> "$root/$own/lock/beat"; }
} 2> /dev/null

# leave: the input ended or `leave` came. Only our own lock is given back.
# sets: held was line root
leave() {
  trap '' HUP INT TERM PIPE
  [ -z "$job" ] || end_job
  held=
  cd -P "$root" 2> /dev/null && [ -f "$own/lock/process" ] && read -r held < "$own/lock/process"
  if [ "$held" = "$self" ]; then
    first_line "$own/lock/phase"
    was=$line
    own_log
    line="{\"what\":\"interrupted\",\"operation\": \"$operation\",\"phase\":\"$was\",\"time\":$(date +%s)}"
    say "$line" >> "$log"
    # An operation that had not begun to change anything leaves no line.
    [ -n "$operation" ] && grep -qaF "$operation" "$own/transitions.jsonl" && remember "$line"
    unlock
  fi 2> /dev/null
  # It ends while it was about to take the lock.
  [ ! -e "$root/$own/lock.new.$$" ] || rm -rf "$root/$own/lock.new.$$"
  # It ends while it rehearsed for `turnout doctor`, in the root or beside what is missing of it.
  while [ ! -d "$root" ]; do root=${root%/*} root=${root:-/}; done
  [ ! -d "$root/.turnout-probe.$$" ] || rm -rf "$root/.turnout-probe.$$"
  exit 0
}

# end_job: end the request that runs. It has five seconds to end what it has started.
# sets: killer
end_job() {
  kill "$job" 2> /dev/null
  { sleep 5; kill -KILL "$job"; } > /dev/null 2>&1 &
  killer=$!
  wait "$job" 2> /dev/null
  kill "$killer" 2> /dev/null
}

# settle: wait for the request that runs. One that a signal ended had no time to answer (KILL, the kernel that was out of
# memory), so it is answered here; if it had answered, the operator's side ignores the second answer.
# sets: ended job
settle() {
  wait "$job"
  ended=$?
  job=
  [ "$ended" -le 128 ] || printf '\n%s %s %s\n' "$mark" "$asked" "$ended"
}

# run ID VERB WORD...: one request, in a child of the agent. However it ends, an answer is given.
# sets: id verb
run() {
  id=$1 verb=$2
  shift 2
  trap 'answer "$?"' EXIT
  # shellcheck disable=SC2086  # one process or two
  trap '[ -z "$child" ] || kill $child 2> /dev/null; exit 143' TERM
  exec 2>&1
  "verb_$verb" "$@"
  exit
}

# answer STATUS: the last line of an answer. The operator does not wait for what a verb does after it.
answer() {
  trap - EXIT
  [ -z "$profile" ] || spent
  printf '\n%s %s %s\n' "$mark" "$id" "$1"
}

# spent: for a profile, the processor time of this request and of what it has run, and of the sshd of the connection
# and the uploads that it has ended; in ticks of 10 ms. Nothing where the system does not say.
# sets: request
spent() {
  ticks self
  request=$ticks
  ticks "$PPID"
  [ -z "$request" ] || printf '\n%s spent %s %s\n' "$mark" "$request" "${ticks:-0}"
}

# ticks PROCESS: in `ticks`, its processor time and that of the children that it has waited for.
# sets: ticks stat_line
ticks() {
  ticks=
  { read -r stat_line < "/proc/$1/stat"; } 2> /dev/null || return 0
  # shellcheck disable=SC2086  # the fields are split on purpose
  set -- ${stat_line##*) }
  ticks=$((${12} + ${13} + ${14} + ${15}))
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
    beat)
      alive
      say beat >&2
      [ ! -f "$root/$own/lock/question" ] || [ "$held" != "$self" ] || left_answer
      # Not on systems that do not show which processes are running.
      [ -z "$job" ] || [ "$self" = "$$ " ] || { birth "$job"; [ -n "$born" ] || settle; }
      ;;
    event\ *) alive; ( eval "set -- $request" && decode "$2" && [ "$held" = "$self" ] && cd "$root" && own_log && say "$decoded" >> "$log" ) 2> /dev/null ;;
    open\ *) alive; ( eval "set -- $request" && decode "$2" && [ "$held" = "$self" ] && cd "$root" && remember "$decoded" ) 2> /dev/null ;;
    question\ *) alive; ( eval "set -- $request" && decode "$4" && [ "$held" = "$self" ] && cd -P "$root/$own/lock" && ask "$2" "$3" ) 2> /dev/null ;;
    refuse\ *) alive; ( eval "set -- $request" && [ "$held" = "$self" ] && refuse "$2" ) ;;
    cancel) [ -z "$job" ] || kill "$job" 2> /dev/null ;;
    leave) break ;;
    *)
      [ -z "$job" ] || settle
      asked=${request%% *}
      eval "run $request" < /dev/null &
      job=$!
      ;;
  esac
done
leave
