#!/bin/sh
# Write .env, readable by its owner alone, from .env.sample: with a random secret of 64 hexadecimal digits for every change-me value.
# An existing .env is left as it is. Needs openssl.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
    echo ".env exists; move it away to make a new one." >&2
    exit 1
fi
umask 077
awk '
    function random(  secret) { "openssl rand -hex 32" | getline secret; close("openssl rand -hex 32"); return secret }
    {
        while (match($0, /change-me-[a-z-]+/)) {  # one that occurs twice is one secret
            name = substr($0, RSTART, RLENGTH)
            if (!(name in secrets)) secrets[name] = random()
            $0 = substr($0, 1, RSTART - 1) secrets[name] substr($0, RSTART + RLENGTH)
        }
        print
    }' .env.sample > .env.new
mv .env.new .env
echo "Wrote .env. Next: the addresses of the other services, and the secrets shared with them (docs/deployment.md)."
