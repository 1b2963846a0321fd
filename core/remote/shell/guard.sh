# shellcheck shell=sh disable=SC2154  # `silent` and `listener` are set by watch.sh, which comes before this file
# Beside a command that prints a log: ends its process group, of which the number is $1, once nobody listens any more.
ended=
trap 'ended=1' TERM
trap '' PIPE # an answer that nobody takes any more
listen
while [ -z "$ended" ] && [ "$silent" -lt "$SILENT_AFTER" ] && kill -0 "$1" 2> /dev/null; do
  answer
  silent=$((silent + 1))
  sleep 1
done
kill "$listener" 2> /dev/null
trap '' TERM
kill -TERM "-$1" 2> /dev/null || kill -TERM "$1" 2> /dev/null
sleep 1
kill -KILL "-$1" 2> /dev/null || kill -KILL "$1" 2> /dev/null
