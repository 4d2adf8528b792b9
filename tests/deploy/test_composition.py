"""`docker-compose.yml` as docker compose itself reads it: it is valid, and every variable of .env reaches its containers.

Needs docker compose 2.24 or newer, as a plugin of docker or as docker-compose; no Docker engine.
"""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.environment import CHECKOUT, SAMPLE, defaults, read

OLDEST = (2, 24)
OF_THE_PROCESSES = ("service", "worker", "beat", "migrate")
COMPOSED = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "FORWARDED_ALLOW_IPS", "SHUTDOWN_DRAIN_SECONDS"}
"""Variables that docker-compose.yml sets itself; `METRICS_ADDRESS` is set where it is served."""


@cache
def program() -> list[str] | None:
    """Return the command of docker compose; None if it is missing or too old."""
    plugins = Path("/usr/libexec/docker/cli-plugins/docker-compose"), shutil.which("docker-compose")
    candidates = [["docker", "compose"], *([str(one)] for one in plugins if one)]
    for command in candidates:
        if shutil.which(command[0]) is None:
            continue
        shown = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        version = shown.stdout.strip().removeprefix("v").split(".")
        if shown.returncode == 0 and tuple(int(part) for part in version[:2]) >= OLDEST:
            return command
    return None


pytestmark = pytest.mark.skipif(program() is None, reason="no docker compose 2.24 here: apt-get install docker-compose")


def composed(folder: Path, environment: dict[str, str], *options: str) -> dict[str, Any]:
    """Return the composition with this .env, in a folder without the checkout's own."""
    for name in ("docker-compose.yml", "compose/tls.yml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / name, folder / name)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    done = subprocess.run(
        [*(program() or []), *options, "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_composition_is_valid_with_every_profile_and_with_tls(tmp_path: Path) -> None:
    plain = composed(tmp_path, read(SAMPLE))["services"]
    assert plain.keys() == {"nginx", "service", "worker", "beat", "migrate", "postgres", "redis"}
    assert plain["service"]["deploy"]["replicas"] == 2
    every = composed(tmp_path, read(SAMPLE), "--profile", "sandbox", "--profile", "observability")["services"]
    assert every.keys() - plain.keys() == {"sandbox", "sandbox-coupons", "prometheus", "grafana", "jaeger"}
    tls = composed(
        tmp_path, read(SAMPLE) | {"COMPOSE_FILE": "docker-compose.yml:compose/tls.yml", "TLS_FOLDER": "./tls"}
    )
    published = {port["published"]: port.get("host_ip") for port in tls["services"]["nginx"]["ports"]}
    assert published == {"8000": "127.0.0.1", "80": None, "443": None}


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="SERVICE_TOKEN"):
        composed(tmp_path, {name: value for name, value in read(SAMPLE).items() if name != "SERVICE_TOKEN"})


def test_every_variable_of_env_reaches_the_processes_as_it_is(tmp_path: Path) -> None:
    env = {name: f"value-of-{name}" for name in {**read(SAMPLE), **defaults(SAMPLE)}}
    env |= {"SERVICE_REPLICAS": "3", "HTTP_PORT": "8080", "COMPOSE_FILE": "docker-compose.yml"}
    services = composed(tmp_path, env)["services"]
    for process in OF_THE_PROCESSES:
        got = services[process]["environment"]
        changed = {name for name, value in env.items() if got.get(name) != value}
        assert changed <= COMPOSED | {"METRICS_ADDRESS"}, process
    assert services["service"]["deploy"]["replicas"] == 3
    assert services["service"]["image"] == "value-of-ORDER_SERVICE_IMAGE"
    assert services["service"]["environment"]["REDIS_URL"] == "redis://:value-of-REDIS_PASSWORD@redis:6379/0"


def test_a_dollar_sign_in_a_quoted_secret_stays(tmp_path: Path) -> None:
    secret = "a$b$$c${d}"
    services = composed(tmp_path, read(SAMPLE) | {"JWT_SECRET": f"'{secret}'"})["services"]
    shown = services["service"]["environment"]["JWT_SECRET"]
    assert shown in (secret, secret.replace("$", "$$")), "newer versions print the composition with every $ doubled"
