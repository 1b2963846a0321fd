# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC3013  # see agent.sh; every shell that runs this has `test -ef`
# A part of the agent: the link that a switch replaces, how its text is written, and which other links lead into releases/.
#
# `link` is that link: `current`, or what `current` in turnout.toml names, relative to the root or absolute. `links` has
# further links to look at, quoted for the shell.

# form_of TARGET: in `form`, what comes before the tag in the link's text, where it has TARGET now ("" for no link). An
# absolute link stays absolute: other programs may read it. An untidy one becomes plain.
# sets: form
form_of() {
  form=${1%/}
  form=${form%"${form##*/}"}
  case $form in
    releases/ | '' | */../* | *//*) form= ;;
    /*) [ "$form" -ef releases ] || form= ;;
    *) [ "${link%"${link##*/}"}$form" -ef releases ] || form= ;;
  esac
  [ -z "$form" ] || return 0
  case $link in */*) form=${root%/}/releases/ ;; *) form=releases/ ;; esac
}

# next_to_link: in `next`, the name of the link that is about to replace it.
# sets: next
next_to_link() { next=${link%"${link##*/}"}.${link##*/}-next; }

# linked_into: in `linked`, a line `TAG LINK` for each link but `current` that ends in a release: in the root, one folder
# below it, beside the root, and among `links`. Each may be what a web server serves. LINK is encoded.
# sets: linked base
linked_into() {
  linked='' base=$PWD
  look_at ./* ./.[!.]* ./*/* ../* ../.[!.]*
  [ "${root%/*}/." -ef .. ] || look_at "${root%/*}"/*
  [ -z "${links-}" ] || eval "look_at $links"
}

# look_at PATH...: the links among them that end in a release, into `linked`. Few are links: no program is started.
# sets: path leads linked
look_at() {
  for path; do
    [ -L "$path" ] || continue
    case $path in ./"$link" | "$link" | ./.*-next) continue ;; esac
    leads=
    if [ -d "$path" ]; then
      cd -P "$path" 2> /dev/null && leads=$PWD
      cd "$base" || exit 1
    elif [ -e "$path" ]; then leads=$(readlink -f "$path" 2> /dev/null)
    fi
    case $leads in "$base/releases/"?*) ;; *) continue ;; esac
    leads=${leads#"$base/releases/"}
    case $path in
      ./*) path=${path#./} ;;
      ../*) path=${base%/*}/${path#../} ;;
    esac
    encode "$path"
    path=$encoded
    encode "${leads%%/*}"
    linked="$linked$encoded $path$newline"
  done
}

# say_links: the links that lead into releases/, at most 500, apart from those to what is live: most of them go through
# `current`.
# sets: rest number line
say_links() {
  linked_into
  encode "${live%%/*}"
  rest=$linked number=0
  while [ -n "$rest" ] && [ "$number" -lt 500 ]; do
    number=$((number + 1)) line=${rest%%"$newline"*} rest=${rest#*"$newline"}
    case $line in "$encoded "*) ;; *) say "linked $line" ;; esac
  done
}

# linked_to TAG, after `linked_into`: whether a link leads to a release; `path` names it.
# sets: path
linked_to() {
  encode "$1"
  case $newline$linked in
    *"$newline$encoded "*) path=${linked#*"$encoded "} path=${path%%"$newline"*} ;;
    *) return 1 ;;
  esac
}
