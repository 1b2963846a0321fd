# shellcheck shell=sh disable=SC2034  # `silent`, `listener` and `newline` are used by what comes after this file
# Ends what follows a log when nobody listens any more: the operator's side sends a line every few seconds. When those
# stop, or the channel is closed, this shell gets TERM.
newline='
'
SILENT_AFTER=40

# listen: hear the lines on standard input in a process of its own; each of them sets `silent` back to 0.
# sets: silent listener
listen() {
  silent=0
  trap 'silent=0' USR1
  exec 3<&0
  {
    while read -r _; do kill -USR1 $$ || exit; done
    kill -TERM $$
  } <&3 > /dev/null 2>&1 &
  listener=$!
  exec 3<&- < /dev/null
}

# answer: say on standard error that this program goes on, after a line came on standard input. What follows a log calls it
# once a second, so a folder that hangs there is noticed, too.
answer() { [ "$silent" -gt 0 ] || printf . >&2; }
