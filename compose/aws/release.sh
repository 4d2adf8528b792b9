#!/usr/bin/env bash
# Release the service on AWS, or run a command of it there (docs/aws.md).
#
#   release.sh [--create-database] TAG [NAME=VALUE …]   build and push the image, migrate, then replace the containers
#   release.sh run COMMAND …                            run a command in a container of its own: manage.py reconcile --dry-run
#
# A tag that the registry has is not built again: to roll back, release the previous one. NAME=VALUE are parameters of tasks.yaml;
# they keep their values until they are named again. PROJECT names the environment (default: order-service).
set -euo pipefail
project=${PROJECT:-order-service}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

export_of() { # NAME: the value that a stack exports
    aws cloudformation list-exports --query "Exports[?Name=='$project-$1'].Value" --output text
}

output_of() { # STACK NAME
    aws cloudformation describe-stacks --stack-name "$project-$1" --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text
}

deploy() { # STACK [NAME=VALUE …]
    local stack=$1
    shift
    aws cloudformation deploy --stack-name "$project-$stack" --template-file "$here/$stack.yaml" \
        --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides "Project=$project" "$@"
}

push_image() { # TAG: build and push unless the registry has it; print the image by its digest
    local repository registry digest base=order-service:$1 platform=${PLATFORM:-linux/amd64}
    repository=$(export_of RepositoryUri)
    registry=${repository%%/*}
    if ! aws ecr describe-images --repository-name "$project" --image-ids "imageTag=$1" > /dev/null 2>&1; then
        {
            docker build --platform "$platform" --file "$here/../Dockerfile" --target production --tag "$base" "$here/../.."
            docker build --platform "$platform" --build-arg "IMAGE=$base" --tag "$repository:$1" "$here"
            aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
            docker push "$repository:$1"
        } >&2
    fi
    digest=$(aws ecr describe-images --repository-name "$project" --image-ids "imageTag=$1" --query 'imageDetails[0].imageDigest' --output text)
    echo "$repository@$digest"
}

json_array() { # WORD …
    python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@"
}

run_task() { # PREFIX TASK [OVERRIDES]: run to the end, print the log, fail as the command does
    local network arn status code
    network="awsvpcConfiguration={subnets=[$(export_of PrivateSubnets)],securityGroups=[$(export_of ContainerGroup)],assignPublicIp=DISABLED}"
    arn=$(aws ecs run-task --cluster "$project" --launch-type FARGATE --task-definition "$2" --network-configuration "$network" \
        --overrides "${3:-{\}}" --query 'tasks[0].taskArn' --output text)
    [[ $arn == arn:* ]] || { echo "ECS could not start the task: $arn" >&2; return 1; }
    while status=$(aws ecs describe-tasks --cluster "$project" --tasks "$arn" --query 'tasks[0].lastStatus' --output text); [[ $status != STOPPED ]]; do
        sleep "${POLL_SECONDS:-5}"
    done
    aws logs get-log-events --log-group-name "$project" --log-stream-name "$1/order-service/${arn##*/}" --start-from-head \
        --query 'events[].message' --output text | tr '\t' '\n' || echo "It has no log." >&2
    code=$(aws ecs describe-tasks --cluster "$project" --tasks "$arn" --query 'tasks[0].containers[0].exitCode' --output text)
    if [[ $code != 0 ]]; then
        aws ecs describe-tasks --cluster "$project" --tasks "$arn" --query 'tasks[0].stoppedReason' --output text >&2
        [[ $code =~ ^[0-9]+$ ]] && return "$code"
        return 1
    fi
}

run_command() { # ENVIRONMENT COMMAND …: in a container of the worker's task definition; ENVIRONMENT is a JSON array
    local environment=$1
    shift
    run_task worker "$(output_of tasks WorkerTask)" \
        "{\"containerOverrides\": [{\"name\": \"order-service\", \"command\": $(json_array "$@"), \"environment\": $environment}]}"
}

release() { # [--create-database] TAG [NAME=VALUE …]
    local create_database=false image tag
    [[ ${1:-} == --create-database ]] && { create_database=true; shift; }
    tag=${1:-}
    [[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] || usage
    shift
    image=$(push_image "$tag")
    echo "Task definitions of $image"
    deploy tasks "Image=$image" "$@"
    if $create_database; then
        echo "Database and roles"
        run_task database "$(output_of tasks DatabaseTask)"
    fi
    echo "Migrations" # before the containers: a migration suits the previous release too (CONTRIBUTING.md)
    run_command '[{"name": "DATABASE_STATEMENT_TIMEOUT_MS", "value": "600000"}]' python manage.py migrate --no-input
    echo "Services"
    deploy services "ServerTask=$(output_of tasks ServerTask)" "WorkerTask=$(output_of tasks WorkerTask)" "BeatTask=$(output_of tasks BeatTask)"
    echo "$tag is released."
}

case ${1:-} in
    "" | -h | --help) usage ;;
    run)
        shift
        [[ $# -gt 0 ]] || usage
        run_command '[]' python "$@"
        ;;
    *) release "$@" ;;
esac
