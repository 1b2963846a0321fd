# shellcheck shell=sh disable=SC2154,SC2317  # set and called elsewhere: see agent.sh
# A program that travels with a request (agent.sh's `with`): which releases have a slot here, and what listens at its port.
#
# `.turnout/slots` has a line `NAME PORT TAG MARK` for each slot that a release has: since before anything is started in
# it, until what stops that has run. MARK is `used`, or `unsure` where the release may be the one that serves.

# slots TOKEN TEXT PORT...: TEXT is in that file from now on; but if something listens at one of the ports, nothing is
# changed.
# sets: token text
verb_slots() {
  token=$1
  decode "$2"
  text=$decoded
  shift 2
  holds "$token"
  listening "$@"
  [ -z "$heard" ] || return 0
  { printf %s "$text" > "$own/incoming/slots" && place "$own/incoming/slots" "$own/slots"; } || fail "cannot write $root/$own/slots"
}

# ports PORT...: at which of these ports something listens.
verb_ports() { listening "$@"; }

# listening PORT...: say at which of these ports something listens for this machine, with `heard` not empty where there is one. Nothing is known without /proc.
# sets: heard open port
listening() {
  heard=
  if [ $# -eq 0 ] || [ ! -r /proc/net/tcp ]; then return; fi
  # Of each socket that listens: the address in hexadecimal, as this machine has it in memory, and the port.
  open=$(cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | while read -r _ address _ state _; do
    case $state-${address%:*} in
      0A-00000000 | 0A-0100007F | 0A-7F000001 | 0A-00000000000000000000000000000000) say "${address#*:}" ;;
      0A-0000000000000000000000000[01]00000[01] | 0A-0000000000000000FFFF00000100007F) say "${address#*:}" ;;
    esac
  done)
  for port; do
    case $port in '' | *[!0-9]* | ??????*) continue ;; esac
    case $newline$open$newline in *"$newline$(printf %04X "$port")$newline"*) heard=$port; say "listens $port" ;; esac
  done
}
