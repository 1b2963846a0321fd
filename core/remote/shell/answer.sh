# shellcheck shell=sh disable=SC2154,SC2317  # set and called elsewhere: see agent.sh
# What answers the question of an operation that somebody else runs; it travels with the request.

# answer QUESTION CHOICE LINE: leave an answer in the lock of the operation that asks, whose heartbeat takes it. The first
# one stays: of several that come at the same moment one makes the link.
verb_answer() {
  case $1 in '' | *[!0-9a-f]*) fail "not a question: $1" ;; esac
  cd -P "$root" 2> /dev/null || { say closed; exit 0; }
  ! dead_owner > /dev/null || { say closed; exit 0; }
  # From here on in the folder itself: another lock may take its place at any time.
  cd -P "$own/lock" 2> /dev/null || { say closed; exit 0; }
  is_open "$1" || { say closed; exit 0; }
  case ,$choices, in *",$2,"*) ;; *) say unknown; exit 0 ;; esac
  decode "$3"
  say "$decoded" > "answering.$$" || { rm -f "answering.$$"; fail "cannot write in $root/$own/lock"; }
  ln "answering.$$" "answer.$1" 2> /dev/null || { first_line "answer.$1" 2000; say "first $line"; }
  rm -f "answering.$$"
  is_open "$1" || say closed
}

# is_open QUESTION: whether the lock in whose folder we are asks this.
# sets: open choices
is_open() {
  open='' choices=''
  [ -f question ] && { read -r _ open choices _ < question; } 2> /dev/null
  [ "$open" = "$1" ]
}
