# shellcheck shell=sh disable=SC2154  # set by the agent that it is sent to
# A part of an upload: files of deploy-cache made from what they hold and what was sent. Few uploads want it, so it
# travels with the request (the agent's `with`).

# patch TOKEN: make the files that incoming/patches/list tells of. Its lines:
#     file SHA256 MODE TIME PATH    a file below deploy-cache (\0ooo is a byte); TIME as `touch -t` has it, in UTC
#     unit BYTES                    so many are one unit in what follows
#     copy SKIP COUNT               so many units of the old content
#     piece SKIP COUNT NAME         the zstd frame of that name, with those units of the old content as its dictionary
#     part NAME SKIP COUNT REST     so many units of what the frame of that name holds, and so many bytes behind them
#     end                           that is all of it
# Each file counts only with its SHA-256, and gets its name by one rename. One that cannot be made stays as it was: `whole
# NUMBER` names it, from 0 on in the order of the list. Every program may fail here (no space, no memory, an old zstd).
# If this dies, incoming/ is swept; the cache has no manifest, and is compared by checksum next time.
# sets: made near number word first second third fourth old unit
verb_patch() {
  holds "$1"
  made=$own/incoming/patches/made near=$own/incoming/patches/near number=-1
  { [ -f "$own/incoming/patches/list" ] && [ ! -L "$own/incoming/patches" ]; } || fail "the patches have not arrived"
  [ ! -L deploy-cache ] || fail "$root/deploy-cache is not a folder any more: Turnout would write outside the deploy root"
  while read -r word first second third fourth; do
    case $word in
      file) number=$((number + 1)) && begin_patch "$first" "$second" "$third" "$fourth" ;;
      unit) unit=$first ;;
      copy) [ -z "$old" ] || units "$first" "$second" >> "$made" || old='' ;;
      piece) [ -z "$old" ] || unpack_piece "$first" "$second" "$third" >> "$made" || old='' ;;
      part) [ -z "$old" ] || part "$first" "$second" "$third" "$fourth" >> "$made" || old='' ;;
      end) { [ -n "$old" ] && end_patch; } || say "whole $number" ;;
    esac
  done < "$own/incoming/patches/list"
  erase "$own/incoming/patches"
}

# begin_patch SHA256 MODE TIME PATH: the file that comes next; `old` is "" where there is nothing to make it of. No folder
# on the way to it may be a link.
# sets: wanted mode when old folder unpacked
begin_patch() {
  wanted=$1 mode=$2 when=$3 unpacked=''
  # The case has an escape that `read -r` left as it is.
  decode "$4"
  old=deploy-cache/$decoded
  case /$decoded/ in */../* | */./* | *//*) fail "not a path in a tree: $decoded" ;; esac
  folder=$PWD/${old%/*}
  { ( cd -P "$folder" && [ "$PWD" = "$folder" ] ) 2> /dev/null && [ -f "$old" ] && [ ! -L "$old" ]; } || old=
  { rm -f "$made" && : > "$made"; } || old=
}

# units SKIP COUNT: print units of the old content.
units() { long dd if="$old" bs="$unit" skip="$1" count="$2" 2> /dev/null; }

# unpack_piece SKIP COUNT NAME: print what a frame holds.
unpack_piece() {
  case $3 in *[!0-9]*) return 1 ;; esac
  if [ "$2" = 0 ]; then long zstd -dcq "$own/incoming/patches/$3" 2> /dev/null; return; fi
  units "$1" "$2" > "$near" && long zstd -dcq -D "$near" "$own/incoming/patches/$3" 2> /dev/null
}

# part NAME SKIP COUNT REST: print a part of what a frame holds; what a frame holds stays in `near` for the next one.
# sets: unpacked
part() {
  case $1 in *[!0-9]*) return 1 ;; esac
  if [ "$1" != "$unpacked" ]; then
    long zstd -dcq "$own/incoming/patches/$1" > "$near" 2> /dev/null || return
    unpacked=$1
  fi
  [ "$3" = 0 ] || long dd if="$near" bs="$unit" skip="$2" count="$3" 2> /dev/null || return
  [ "$4" = 0 ] || dd if="$near" bs="$unit" skip="$(($2 + $3))" count=1 2> /dev/null | head -c "$4"
}

# end_patch: give what was made its name, if it is what was wanted. openssl is three times as fast as sha256sum.
# sets: sum
end_patch() {
  if command -v openssl > /dev/null; then long openssl dgst -sha256 -r < "$made" > "$near"
  else long checksum < "$made" > "$near"
  fi && read -r sum < "$near"
  [ "${sum%% *}" = "$wanted" ] && chmod "$mode" "$made" && TZ=UTC0 touch -t "$when" "$made" && place "$made" "$old"
} 2> /dev/null
