#!/usr/bin/env bash
# What an expert administrator writes: expert.sh deploy TREE HOST ROOT | rollback HOST ROOT
#
# SSH_CONFIG is the ssh_config. CONTROL is the socket of an ssh master that is open already; without it the script opens
# one by the first ssh that it needs and closes it at the end. KEEP releases are kept (10).
set -euo pipefail
command=$1
shift
keep=${KEEP:-10}
own=
if [ -n "${CONTROL-}" ]; then
  ssh="ssh -F $SSH_CONFIG -S $CONTROL"
else
  own=$(mktemp -d)
  trap 'rm -rf "$own"' EXIT
  ssh="ssh -F $SSH_CONFIG -o ControlMaster=auto -o ControlPath=$own/%C -o ControlPersist=20"
fi
# shellcheck disable=SC2016  # expanded on the server
switch='ln -sfn "releases/$release" current.new && mv -T current.new current'
case $command in
  deploy)
    tree=$1 host=$2 root=$3
    release=$(date -u +%Y%m%d%H%M%S%3N)
    rsync -a --delete --exclude=/.git -e "$ssh" --rsync-path="mkdir -p $root/cache $root/releases && rsync" \
      "$tree/" "$host:$root/cache/"
    $ssh "$host" "set -e; cd $root; release=$release; cp -a cache releases/$release; $switch
      cd releases; ls -1 | sort | head -n -$keep | grep -vxF $release | xargs -r rm -rf --"
    ;;
  rollback)
    host=$1 root=$2
    ssh="ssh -F $SSH_CONFIG" # one command needs no master
    [ -z "${CONTROL-}" ] || ssh="$ssh -S $CONTROL"
    # shellcheck disable=SC2016  # expanded on the server
    $ssh "$host" "set -e; cd $root; "'now=$(basename "$(readlink current)")
      release=$(ls -1 releases | sort | grep -xF -B1 "$now" | head -1)
      [ "$release" != "$now" ] || { echo "nothing to roll back to" >&2; exit 1; }; '"$switch"
    ;;
esac
[ -z "$own" ] || [ "$command" = rollback ] || $ssh -O exit "$host" 2> /dev/null || :
