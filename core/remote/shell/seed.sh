# shellcheck shell=sh disable=SC2154,SC2317  # set and called elsewhere: see agent.sh
# A part of the agent: what a release brings for shared/, where others may write too, and may swap a folder for a link at
# any moment. Nothing here is looked at by its path and used by its path afterwards.

# step NAME: go into a folder that is in this one, and nowhere else. Where it ends up shows whether it was a link.
# sets: stood
step() {
  stood=$PWD
  cd -P "./$1" 2> /dev/null && [ "$PWD" = "${stood%/}/$1" ]
}

# into PATH: go there from this folder, by a step for each name.
# sets: way
into() {
  way=$1/
  while [ -n "$way" ]; do
    step "${way%%/*}" || return
    way=${way#*/}
  done
}

# seed FOLDER PATH WORD: make shared/PATH, which is missing: what FOLDER, a release that is being made, has at PATH, else
# an empty folder where WORD ends with a slash. It is whole under a name of its own before it gets PATH by one rename,
# also where shared/ or a folder in it is another file system. Where it dies, `.turnout-seed.PID` is left in there until
# the next operation begins.
seed() (
  base=$PWD from=$PWD/$1/$2 rest=$2 at=shared inside=$PWD/$1
  step shared || { say "shared is a link, and nothing is created through a link: create shared/$2 there"; exit 1; }
  while case $rest in */*) true ;; *) false ;; esac; do
    inside=$inside/${rest%%/*}
    # What is private in the release is so here.
    [ -d "./${rest%%/*}" ] || mkdir -m "$(stat -c %a "$inside" 2> /dev/null || echo 755)" "./${rest%%/*}" ||
      [ -d "./${rest%%/*}" ] || exit 1
    at=$at/${rest%%/*}
    step "${rest%%/*}" || { say "$at is a link: what is below it would lie outside the deploy root"; exit 1; }
    rest=${rest#*/}
  done
  if [ ! -e "$from" ] && [ ! -L "$from" ]; then
    [ "$3" = "$2" ] || mkdir "./$rest" || [ -d "./$rest" ]
    exit
  fi
  # No other user can write in there.
  private=.turnout-seed.$$
  { mkdir -m 0700 "./$private" && step "$private" && [ -O . ]; } || { say "cannot make $at/$private"; exit 1; }
  # The application writes there: a hard link's other names, in the cache and in other releases, stay as they are.
  if [ -e "$base/$own/cache.linked" ]; then cp -a "$from" ./item
  else mv -T "$from" ./item
  fi || { rm -rf ./item; rmdir "../$private"; exit 1; }
  # Whoever made it meanwhile is right: the application may have written there already.
  mv -n -T ./item "../$rest"
  [ -e "../$rest" ] || [ -L "../$rest" ] || { say "cannot make $at/$rest"; exit 1; }
  rm -rf ./item
  rmdir "../$private"
)

# sweep_seeds PATH...: remove what a `seed` that was killed has left beside these shared paths. Where nothing of that kind
# exists, no process is started.
# sets: word beside left
sweep_seeds() {
  for word; do
    decode "$word"
    beside=shared/${decoded%/}
    beside=${beside%/*}
    for left in "$beside"/.turnout-seed.*; do
      [ ! -d "$left" ] || ( into "$beside" && unseed ) > /dev/null 2>&1
      break
    done
  done
}

# unseed: remove from this folder what is ours and no longer used by any process.
# sets: left
unseed() {
  for left in ./.turnout-seed.*; do
    [ -L "$left" ] || [ ! -O "$left" ] || ! abandoned "$left" || erase "$left"
  done
}
