# shellcheck shell=sh
# download.sh: gives the content of files of a release or of deploy-cache, on a channel of its own. It changes nothing.
#
# First come three lines: the root (\0ooo is a byte), the folder below it, and a random word. Then names of files in that
# folder, a NUL behind each: `read` takes a pipe byte by byte, so the names that follow the lines are left for xargs.
#
# Once the word has been printed, so that what start-up files print is told apart, there come for some names at a time
# a line with their number, a line with the mtime of each, and all their content.
LC_ALL=C
export LC_ALL
IFS= read -r root && IFS= read -r folder && IFS= read -r mark || exit 0
case $root in /*) ;; *) echo "not begun: a start-up file there reads standard input and consumed part of what was sent" >&2; exit 1 ;; esac
case $root in *\\*) root=$(printf '%b_' "$root") && root=${root%_} ;; esac
case $folder in deploy-cache | releases/*) ;; *) echo "not a folder of files: $folder" >&2; exit 1 ;; esac
cd -P "$root/$folder" || exit 1
printf '\n%s\n' "$mark"
exec xargs -0 -r -n 200 sh -c 'echo $#; stat -c %Y "$@" && exec cat "$@"' sh
