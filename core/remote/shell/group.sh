# shellcheck shell=sh disable=SC2034,SC2154,SC2317  # set and called elsewhere: see agent.sh
# A part of the agent: a deploy root that a group shares (`group`), and what the umask (`mask`) makes of a release. In a
# shared root all folders of ours are 2770 or more, so what is made in them is the group's, and can be replaced by it.

# member: end the request unless this user is in the group.
member() {
  [ "$(id -u)" = 0 ] || case " $(id -Gn) " in
    *" $group "*) ;;
    *) fail "$(id -un) is not in the group $group; as an administrator there: usermod -aG $group $(id -un)" ;;
  esac
}

# make_root: make the deploy root; the folders above it belong to no group of ours.
make_root() {
  if [ -z "$group" ]; then mkdir -p "$root"; return; fi
  ( umask 022 && mkdir -p "${root%/*}/" ) && mkdir "$root" && share "$root"
}

# share FOLDER: what is made in it from now on is the group's.
share() { chgrp "$group" "$1" && chmod g+rwxs "$1"; }

# barred: end the request where this user cannot change what Turnout made here, before anything is changed. A root that the
# group shares has to be shared with all of ours that is in it; one that is new, and this user's, is shared now.
# sets: place
barred() {
  if [ -n "$group" ] && [ ! -e "$own" ] && [ -O . ] && [ ! -e releases ]; then
    share . || fail "cannot share $root with the group $group"
  fi
  for place in . releases deploy-cache "$own" "$own/records" "$own/manifests" "$own/logs" "$own/incoming" "$own/trash"; do
    [ -d "$place" ] || continue
    if [ -n "$group" ]; then shared_by_group "$place" || fail "$root/$place is not shared with the group $group: $(to_share)"
    elif [ -e "$own" ] && [ ! -w "$place" ] && [ ! -O "$place" ]; then fail "$root/$place $(belongs "$place")"
    fi
  done
  [ -z "$group" ] || [ -n "$(find . -prune -group "$group" 2> /dev/null)" ] ||
    fail "$root is not shared with the group $group: $(to_share)"
}

# shared_by_group FOLDER: whether new things in it are the group's, and this user can make some.
shared_by_group() { [ -g "$1" ] && [ -w "$1" ]; }

# to_share: the commands that share a root which was made without the group; nothing of shared/ is touched but itself.
to_share() {
  say "as an administrator there: cd $(quoted "$root") && chgrp $group . shared && chmod g+rwxs . shared;" \
    "for d in releases deploy-cache $own; do [ ! -d \$d ] || { chgrp -R $group \$d && chmod -R g+rwX \$d && find \$d -type d -exec chmod g+s {} +; }; done"
}

# quoted PATH: as one word for a shell.
quoted() {
  case $1 in
    *[!A-Za-z0-9/._+-]*) printf '%s\n' "$1" | sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/" ;;
    *) say "$1" ;;
  esac
}

# belongs PATH: whose it is, for an error.
belongs() {
  # shellcheck disable=SC2012,SC2046  # its owner comes before any name
  set -- $(ls -ld "$1")
  say "belongs to $3, and $(id -un) may not change it: become = \"$3\" in turnout.toml works as that user, group shares the root"
}

# share_cache: what an upload has put into the deploy-cache is the group's, too. Only its owner can do that. A tar that
# gives a folder its mode before it fills it leaves what is in it to the user's own group.
share_cache() {
  [ -n "$group" ] || return 0
  # It came with its own mode.
  [ ! -f "$own/incoming/manifest" ] || chmod g+rw "$own/incoming/manifest" || return 1
  # BusyBox never runs what `-exec` collects between parentheses.
  set -- "$(id -u)"
  long find deploy-cache -type d -user "$1" ! -group "$group" -exec chgrp "$group" {} + -exec chmod g+rwxs {} + \
    -o -type d -user "$1" ! -perm -2070 -exec chmod g+rwxs {} + &&
    long find deploy-cache -type f -user "$1" ! -group "$group" -exec chgrp "$group" {} + -exec chmod g+rw {} + \
      -o -type f -user "$1" ! -perm -060 -exec chmod g+rw {} +
}

# free_cache: put the deploy-cache aside where another user's upload broke off, and left folders that nobody else can
# change. It gets a name that neither a release nor `clear` gives to anything in trash/.
free_cache() {
  if [ -z "$group" ] || [ -f "$own/cache.manifest" ] || [ "$(id -u)" = 0 ]; then return 0; fi
  [ -n "$(find deploy-cache -type d ! -user "$(id -u)" ! -perm -020 2> /dev/null | head -n 1)" ] || return 0
  mv -T deploy-cache "$own/trash/.deploy-cache" && mkdir deploy-cache
}

# apply_mask FOLDER: give a release the modes of the umask. What is private in it stays so: others may not read that. A
# file that is so already may be another user's, by a hard link. BusyBox's cp does not keep that new files are the group's.
# sets: folder modes of_group of_others
apply_mask() {
  [ -n "${mask-}" ] || return 0
  folder=$1 modes=${mask#??}
  of_group=${modes%?} of_others=${modes#?}
  modes=$(mode_of g "$of_group"),$(mode_of o "$of_others")
  set --
  [ -z "$group" ] || { modes=$modes,g+s; set -- -o -type d ! -perm -2000 -exec chmod g+s {} +; }
  long find "$folder" -type d -perm -005 -exec chmod "$modes" {} + "$@" &&
    long find "$folder" -type f -perm -004 ! -perm "6$((6 & ~of_group))$((6 & ~of_others))" \
      ! -perm "7$((7 & ~of_group))$((7 & ~of_others))" -exec chmod "${modes%,g+s}" {} +
}

# mode_of CLASS DIGIT: what chmod has to do for a digit of the umask, where files are 644 and folders 755.
mode_of() {
  case $2 in
    0 | 1) printf '%s+w' "$1" ;;
    *) printf '%s-w' "$1" ;;
  esac
  case $2 in [4567]) printf ',%s-r' "$1" ;; esac
  case $2 in [1357]) printf ',%s-x' "$1" ;; esac
}

# beyond FILE...: whether a process of these lines `PID BIRTH` is running that this user may not end: `pid` is another
# user's.
# sets: file pid started
beyond() {
  for file; do
    [ -f "$file" ] || continue
    while read -r pid started; do
      case $pid in '' | *[!0-9]* | 0 | 1) continue ;; esac
      birth "$pid"
      [ -z "$born" ] || [ "$born" != "$started" ] || kill -0 "$pid" 2> /dev/null || return 0
    done < "$file"
  done
  return 1
}

# not_ours: what to do about the process that `beyond` found.
not_ours() {
  # shellcheck disable=SC2012,SC2046  # its owner comes before any name
  set -- $(ls -ld "/proc/$pid" 2> /dev/null)
  say "its process $pid is still running here and belongs to ${3:-another user}: $(id -un) cannot end it."
  say "Wait for its end, or as ${3:-that user} or an administrator there: kill $pid"
}
