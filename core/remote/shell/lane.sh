# shellcheck shell=sh disable=SC2154  # process.sh and incoming.sh come before this file
# lane.sh: takes pieces of large files into deploy-cache, over a connection of its own beside an upload. upload.sh has made
# these files, empty, before the first piece is sent.
#
# First come three lines: the root, the lock's token, UNPACK (none, gzip, zstd). `ready` on standard output is the answer.
# Then come orders, each a line, and each is answered by a line once it is carried out:
#
#     piece PLACE BYTES COUNT PATH     BYTES of input follow. Unpacked they belong into deploy-cache/PATH, from its block
#                                      PLACE on, and fill COUNT blocks of 64 kB; the last one of a file may be shorter
#                                      answer: `piece DIGEST`, the SHA-256 of what is in these blocks now
#     seal MODE TIME SIZE PATH         all pieces are there: check the size, set the mode, and the time for `touch -t`, in UTC
#                                      answer: `sealed`
#
# An upload has moved the cache's manifest away: if this dies, the cache is unknown, and is compared by checksum next time.

# take BYTES: exactly so many bytes of the input, and nothing of what follows.
take() { dd bs="$1" count=1 iflag=fullblock 2> /dev/null; }

# unpacked: standard input as UNPACK says.
unpacked() {
  case $unpack in
    gzip) gzip -dc ;;
    zstd) zstd -dcq ;;
    *) cat ;;
  esac
}

# put FILE PLACE: standard input into blocks of a file that is there.
put() { dd of="$1" bs=64k seek="$2" conv=notrunc 2>&1 > /dev/null | grep -v -e ' records ' -e ' copied'; }

[ "$(printf abc | take 2)" = ab ] || { say "its dd cannot take exactly so many bytes"; exit 6; }
printf '\nready\n' >&4
known=
while read -r order first second third path; do
  case $path in *\\*) path=$(printf '%b_' "$path") && path=${path%_} ;; esac
  in_tree "$path"
  file=deploy-cache/$path
  if [ "$file" != "$known" ]; then
    folder=$PWD/${file%/*}
    { [ -f "$file" ] && [ ! -L "$file" ] && ( cd -P "$folder" && [ "$PWD" = "$folder" ] ); } ||
      { say "$file is not the file that the upload made"; exit 1; }
    known=$file
  fi
  case $order in
    piece)
      ! take "$second" | unpacked | put "$file" "$first" || { room; exit 1; }
      sum=$(dd if="$file" bs=64k skip="$first" count="$third" 2> /dev/null | sha256sum)
      say "piece ${sum%% *}" >&4
      ;;
    seal)
      size=$(wc -c < "$file")
      [ "$((size + 0))" = "$third" ] || { say "$file has $size bytes in place of $third"; exit 1; }
      chmod "$first" "$file" || exit 1
      TZ=UTC0 touch -t "$second" "$file"
      say sealed >&4
      ;;
    *) say "not an order: $order"; exit 1 ;;
  esac
done
