#!/bin/sh
# Run a command on a machine as it is fresh from its image: what the tests use beside python3, make and git is not there.
# An empty file is bound over each program, wherever it is, in a mount namespace that ends with the command. A PATH
# without them would hide nothing: the tests look into /usr/sbin too. Needs root.
set -eu

if [ "${TURNOUT_BARE-}" != inside ]; then
    TURNOUT_BARE=inside exec unshare --mount --propagation private -- "$0" "$@"
fi

nothing=$(mktemp)
hide() {
    for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
        program=$(readlink -f "$folder/$1") || continue
        if [ -s "$program" ]; then mount --bind "$nothing" "$program"; fi
    done
}
for name in sshd dropbear dropbearkey nginx busybox tmux rsync zstd fish zsh \
    ssh ssh-keygen ssh-keyscan openssl ps shellcheck sudo curl wget wget2 chromium node nodejs php-fpm php-fpm8.2 groff man; do
    hide "$name"
done
rm "$nothing"
unset TURNOUT_BARE TURNOUT_TEST_STRICT
exec "$@"
