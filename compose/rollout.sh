#!/bin/sh
# Replace the running servers by those of ORDER_SERVICE_IMAGE without an interruption: migrate, start the new ones beside the old ones,
# wait until they are ready, then stop the old ones, which serve on while nginx learns of it. A new server that does not become ready
# stops the script, and the old ones serve on. In the end compose brings all other containers up to date.
set -eu
cd "$(dirname "$0")/.."

old=$(docker compose ps --quiet service)
if [ -z "$old" ]; then
    echo "No server is running: docker compose up --detach --wait" >&2
    exit 1
fi
docker compose run --rm migrate
docker compose up --detach --wait --no-deps --no-recreate --scale service=$(($(echo "$old" | wc -w) * 2)) service
sleep 3 # nginx resolves the name again after 2 s
for server in $old; do # one after the other
    docker stop "$server" > /dev/null
    docker rm "$server" > /dev/null
done
docker compose up --detach --wait
