#!/bin/sh
# What the GitHub Action and the GitLab component run. A test holds action.yml and templates/deploy.yml to these lines.
set -eu
fail() {
    echo "turnout: $1" >&2
    exit 2
}
case $DEPLOY_ENVIRONMENT in
    '') fail 'no environment is named' ;;
    -*) fail 'the environment begins with a dash, as an option does' ;;
esac
case $DEPLOY_FINGERPRINTS in
    *[![:space:]]*) ;;
    *) fail 'fingerprints is empty: a server proves who it is by its host key. On each server: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' ;;
esac
[ -n "$DEPLOY_KEY" ] || fail 'ssh-key is empty: is the secret there, and may this branch use it?'
eval "$(ssh-agent -s)" >/dev/null
trap 'ssh-agent -k >/dev/null' EXIT
# A key that is given as text is in the agent only: not on the disk, and not in a variable that hooks could print.
if [ -f "$DEPLOY_KEY" ]; then cat "$DEPLOY_KEY"; else printf '%s\n' "$DEPLOY_KEY"; fi | tr -d '\r' | ssh-add -q -
# Secrets of the project are variables of the whole job, too, under names that only the project knows.
# shellcheck disable=SC2046 # several words
unset DEPLOY_KEY $(awk 'BEGIN {
    for (name in ENVIRON)
        if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && ENVIRON[name] "" == ENVIRON["DEPLOY_KEY"] "") print name
}')
set -f
set --
for fingerprint in $DEPLOY_FINGERPRINTS; do set -- "$@" --fingerprint "$fingerprint"; done
turnout trust "$DEPLOY_ENVIRONMENT" "$@"
# shellcheck disable=SC2086 # several words
set -- $DEPLOY_ARGUMENTS
[ -z "$DEPLOY_REF" ] || set -- --ref "$DEPLOY_REF" "$@"
turnout deploy "$DEPLOY_ENVIRONMENT" --yes "$@"
