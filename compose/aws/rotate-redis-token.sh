#!/usr/bin/env bash
# Change the password of Redis without an interruption (docs/aws.md). PROJECT names the environment (default: order-service).
#
#   rotate-redis-token.sh            a new password beside the old one; restart the services with it
#   rotate-redis-token.sh --finish   once Payment uses it too: the old password ends
set -euo pipefail
project=${PROJECT:-order-service}

secret() { # NAME: its value, parsed by the caller
    aws secretsmanager get-secret-value --secret-id "$project/$1" --query SecretString --output text
}

set_token() { # STRATEGY, the token on standard input; ROTATE admits the old one too, SET only this one
    python3 -c 'import json, sys; print(json.dumps({"ReplicationGroupId": sys.argv[1], "AuthToken": sys.stdin.read().strip(),
        "AuthTokenUpdateStrategy": sys.argv[2], "ApplyImmediately": True}))' "$project" "$1" \
        | aws elasticache modify-replication-group --cli-input-json file:///dev/stdin > /dev/null
    aws elasticache wait replication-group-available --replication-group-id "$project"
}

if [[ ${1:-} == --finish ]]; then
    secret redis-token | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])' | set_token SET
    echo "Only the new password is valid."
    exit
elif [[ $# -gt 0 ]]; then
    sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi

token=$(aws secretsmanager get-random-password --password-length 64 --exclude-punctuation --query RandomPassword --output text)
host=$(aws cloudformation list-exports --query "Exports[?Name=='$project-RedisHost'].Value" --output text)
set_token ROTATE <<< "$token"
printf '{"token": "%s"}' "$token" \
    | aws secretsmanager put-secret-value --secret-id "$project/redis-token" --secret-string file:///dev/stdin > /dev/null
printf '{"url": "rediss://:%s@%s:6379/0"}' "$token" "$host" \
    | aws secretsmanager put-secret-value --secret-id "$project/redis" --secret-string file:///dev/stdin > /dev/null
for service in server worker beat; do
    aws ecs update-service --cluster "$project" --service "$service" --force-new-deployment > /dev/null
done
aws ecs wait services-stable --cluster "$project" --services server worker beat
echo "The services use the new password. Let Payment read it from the secret $project/redis-token, then: ${BASH_SOURCE[0]} --finish"
