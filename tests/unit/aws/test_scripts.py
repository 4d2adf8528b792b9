"""`release.sh` and `rotate-redis-token.sh`, with programs in place of `aws` and `docker` that write down how they were called."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cloudformation import FOLDER, STACKS

RECORD = r"""#!/bin/sh
words="$*"
case $words in *file:///dev/stdin*) given=$(cat) ;; esac
called=$(printf '%s\037' "${0##*/}" "$@")
printf '%s%s\036' "$called" "$given" >> "$STATE/calls"
"""
"""Write down the program, its arguments and its standard input: ASCII's unit separators between them, a record separator after.

A call is one write: the programs of a pipe run at the same time.
"""

AWS = (
    RECORD
    + r"""
while [ $# -gt 0 ]; do
    [ "$1" != --query ] || query=$2
    shift
done
quoted=${query#*\'}
quoted=${quoted%%\'*}
case $words in
    "cloudformation list-exports"*) echo "$quoted-value" ;;
    "cloudformation describe-stacks"*) echo "arn:aws:ecs:eu-central-1:1:task-definition/$quoted:7" ;;
    "ecr describe-images"*)
        [ -e "$STATE/pushed" ] || exit 254
        echo sha256:0000000000000000000000000000000000000000000000000000000000000000 ;;
    "ecs run-task"*) echo "${STARTED:-arn:aws:ecs:eu-central-1:1:task/order-service/abc}" ;;
    "ecs describe-tasks"*lastStatus*) echo STOPPED ;;
    "ecs describe-tasks"*exitCode*) echo "${EXIT:-0}" ;;
    "logs get-log-events"*) printf 'one\ttwo\n' ;;
    "secretsmanager get-random-password"*) echo new-token ;;
    "secretsmanager get-secret-value"*) echo '{"token": "new-token"}' ;;
esac
"""
)
DOCKER = RECORD + '[ "$1" != push ] || touch "$STATE/pushed"\n'


class Cloud:
    """The programs, in a folder of their own, and the calls that they were given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, text in (("aws", AWS), ("docker", DOCKER)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def run(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self._folder}:{Path(sys.executable).parent}:{os.defpath}",
            "STATE": str(self._folder),
            "POLL_SECONDS": "0",
        }
        return subprocess.run(
            ["bash", str(FOLDER / script), *words],
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def exists(self) -> None:
        """Let the registry have the image."""
        (self._folder / "pushed").touch()

    @property
    def calls(self) -> list[list[str]]:
        """Return the program, the arguments and the standard input of each call."""
        records = (self._folder / "calls").read_text().split("\x1e")
        return [record.split("\x1f") for record in records[:-1]]

    def steps(self) -> list[str]:
        """Return what changed something, in order."""
        steps = []
        for program, first, *rest in self.calls:
            if program == "docker" and first in ("build", "push"):
                steps.append(first)
            elif [first, rest[0]] == ["cloudformation", "deploy"]:
                steps.append(f"deploy {rest[rest.index('--template-file') + 1].rpartition('/')[2]}")
            elif [first, rest[0]] == ["ecs", "run-task"]:
                steps.append("run " + rest[rest.index("--task-definition") + 1].rpartition("/")[2])
        return steps


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


def test_a_release_builds_migrates_and_only_then_replaces_the_containers(cloud: Cloud) -> None:
    done = cloud.run("release.sh", "v1", "JwtIssuer=https://users.example.com")
    assert done.returncode == 0, done.stderr
    assert cloud.steps() == ["build", "build", "push", "deploy tasks.yaml", "run WorkerTask:7", "deploy services.yaml"]
    deployed = [call for call in cloud.calls if call[1:3] == ["cloudformation", "deploy"]]
    assert f"Image=order-service-RepositoryUri-value@sha256:{'0' * 64}" in deployed[0]
    assert "JwtIssuer=https://users.example.com" in deployed[0]
    assert "ServerTask=arn:aws:ecs:eu-central-1:1:task-definition/ServerTask:7" in deployed[1]
    assert "one\ntwo" in done.stdout


def test_the_migration_runs_the_new_image_with_its_own_time_limit_in_the_private_network(cloud: Cloud) -> None:
    cloud.run("release.sh", "v1")
    (migration,) = (call for call in cloud.calls if call[1:3] == ["ecs", "run-task"])
    (override,) = json.loads(option(migration, "--overrides"))["containerOverrides"]
    assert override["command"] == ["python", "manage.py", "migrate", "--no-input"]
    assert override["environment"] == [{"name": "DATABASE_STATEMENT_TIMEOUT_MS", "value": "600000"}]
    assert "assignPublicIp=DISABLED" in option(migration, "--network-configuration")


def test_a_failed_migration_leaves_the_containers_as_they_are(cloud: Cloud) -> None:
    failed = cloud.run("release.sh", "v1", EXIT="3")
    assert failed.returncode == 3
    assert cloud.steps()[-1] == "run WorkerTask:7"


def test_a_task_that_cannot_be_started_stops_the_release(cloud: Cloud) -> None:
    failed = cloud.run("release.sh", "v1", STARTED="None")
    assert failed.returncode != 0
    assert "ECS could not start the task" in failed.stderr
    assert "deploy services.yaml" not in cloud.steps()


def test_a_tag_that_the_registry_has_is_released_without_a_build(cloud: Cloud) -> None:
    cloud.exists()
    assert cloud.run("release.sh", "v0").returncode == 0
    assert cloud.steps() == ["deploy tasks.yaml", "run WorkerTask:7", "deploy services.yaml"]


def test_the_database_is_created_before_the_first_migration(cloud: Cloud) -> None:
    assert cloud.run("release.sh", "--create-database", "v1").returncode == 0
    assert cloud.steps()[-3:] == ["run DatabaseTask:7", "run WorkerTask:7", "deploy services.yaml"]


def test_a_command_keeps_its_words_and_its_exit_status(cloud: Cloud) -> None:
    done = cloud.run("release.sh", "run", "manage.py", "reconcile", "--order", 'a "b" c', EXIT="1")
    assert done.returncode == 1
    (call,) = (call for call in cloud.calls if call[1:3] == ["ecs", "run-task"])
    (override,) = json.loads(option(call, "--overrides"))["containerOverrides"]
    assert override["command"] == ["python", "manage.py", "reconcile", "--order", 'a "b" c']


def test_another_project_is_another_environment(cloud: Cloud) -> None:
    assert cloud.run("release.sh", "v1", PROJECT="staging").returncode == 0
    used = [option(call, "--stack-name") for call in cloud.calls if call[1:3] == ["cloudformation", "deploy"]]
    assert used == ["staging-tasks", "staging-services"]
    assert not any("order-service-" in word for call in cloud.calls for word in call if "Override" not in word)


@pytest.mark.parametrize("words", [[], ["--help"], ["run"], ["--unknown"], ["a tag"], ["JwtIssuer=x"]])
def test_a_wrong_call_explains_the_right_one_and_does_nothing(cloud: Cloud, words: list[str]) -> None:
    refused = cloud.run("release.sh", *words)
    assert refused.returncode == 2
    assert refused.stderr.startswith("release.sh [--create-database] TAG")


def test_redis_gets_a_second_password_before_the_services_and_the_first_ends_on_demand(cloud: Cloud) -> None:
    assert cloud.run("rotate-redis-token.sh").returncode == 0
    commands = [" ".join(call[1:3]) for call in cloud.calls]
    changed, stored = (
        commands.index("elasticache modify-replication-group"),
        commands.index("secretsmanager put-secret-value"),
    )
    assert changed < stored < commands.index("ecs update-service")
    assert json.loads(cloud.calls[changed][-1])["AuthTokenUpdateStrategy"] == "ROTATE"
    secrets = [json.loads(call[-1]) for call in cloud.calls if call[1:3] == ["secretsmanager", "put-secret-value"]]
    assert secrets == [{"token": "new-token"}, {"url": "rediss://:new-token@order-service-RedisHost-value:6379/0"}]

    assert cloud.run("rotate-redis-token.sh", "--finish").returncode == 0
    last = [json.loads(call[-1]) for call in cloud.calls if call[1:3] == ["elasticache", "modify-replication-group"]][
        -1
    ]
    assert (last["AuthToken"], last["AuthTokenUpdateStrategy"]) == ("new-token", "SET")


def test_no_secret_is_in_the_arguments_of_a_program(cloud: Cloud) -> None:
    cloud.run("rotate-redis-token.sh")
    assert not any("new-token" in word for call in cloud.calls for word in call[:-1])


def test_scripts_deploy_templates_that_exist() -> None:
    text = (FOLDER / "release.sh").read_text()
    assert {"tasks", "services"} <= set(STACKS)
    assert "deploy tasks " in text
    assert "deploy services " in text


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs ShellCheck (Debian: apt-get install shellcheck)")
def test_the_scripts_pass_shellcheck() -> None:
    checked = subprocess.run(
        ["shellcheck", *map(str, FOLDER.glob("*.sh"))], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout
