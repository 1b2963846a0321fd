# shellcheck shell=sh disable=SC2154  # set by the agent that it is sent to
# A file of a release for a person to see. It is seldom wanted, so it travels with the request (the agent's `with`).

# content TAG PATH MOST: the first MOST bytes of a file, as lines of hexadecimal numbers. Neither the file nor a folder
# on the way may be a link: what a link leads to is not the release's, and a shared path may hold secrets.
# sets: file folder
verb_content() {
  named "$1"
  case $3 in '' | *[!0-9]*) fail "not a number: $3" ;; esac
  cd -P "$root/releases/$1" 2> /dev/null || fail "$1 has no files here"
  decode "$2"
  file=${decoded##*/} folder=$PWD
  case $decoded in */*) folder=$folder/${decoded%/*} ;; esac
  { cd -P "$folder" && [ "$PWD" = "$folder" ]; } 2> /dev/null || fail 'the way to it is gone, or leads through a link'
  [ ! -L "./$file" ] || fail 'it is a link now: what it leads to is not shown'
  [ -f "./$file" ] || fail 'it is not there, or not a file'
  [ -r "./$file" ] || fail 'this user may not read it'
  od -An -v -tx1 -N "$3" "./$file"
}
