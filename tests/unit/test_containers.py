"""Containers: networks, limits and start order of `docker-compose.yml`, and the contents of the images of `compose/Dockerfile`.

The tests run without Docker: an image is represented by the files that its stage copies and the packages that its lock
names.
"""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.environment import CHECKOUT, PLACEHOLDERS, SAMPLE, read

COMPOSITION: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSITION["services"]
TLS: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose" / "tls.yml").read_text())
DOCKERFILE = (CHECKOUT / "compose" / "Dockerfile").read_text()
STAGES = {
    name: re.findall(r"^COPY (?!--from)(\S+) \S+$", body, re.MULTILINE)
    for name, body in re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
}
"""The files of the checkout that each stage copies."""

IMAGES = {
    "production": ("requirements.txt", ["asgi_app.asgi", "asgi_app.urls", "asgi_app.celery", "orders.tasks"]),
    "sandbox": ("requirements-sandbox.txt", ["compose.sandbox.__main__", "compose.sandbox.coupons"]),
}
"""By stage: the lock of its packages, and its commands."""


WITHOUT = """
import importlib, sys
from importlib.machinery import PathFinder

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in sys.argv[1].split(",") else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
for module in sys.argv[2:]:
    importlib.import_module(module)
"""
"""Imports modules as if those of the first argument were not installed."""


def missing(lock: str) -> set[str]:
    """Return the installed modules that are absent from this lock."""
    there = locked(lock)
    return {
        module
        for module, packages in packages_distributions().items()
        if module.isidentifier() and not there & set(map(normal, packages))
    }


def neighbours(name: str) -> set[str]:
    """Return the services that share a network with this one."""
    networks = set(SERVICES[name]["networks"])
    return {other for other in SERVICES if other != name and networks & set(SERVICES[other]["networks"])}


def test_nginx_reaches_the_service_and_nothing_else() -> None:
    assert neighbours("nginx") == {"service"}


def test_ports_are_published_on_this_machine_alone_and_none_of_the_service_or_its_stores() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert published.keys() == {"nginx", "prometheus", "grafana", "jaeger"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_only_nginx_is_published_on_every_address_and_only_with_tls() -> None:
    assert set(TLS["services"]) == {"nginx"}
    assert TLS["services"]["nginx"]["ports"] == ["80:8081", "443:8443"]
    assert "${TLS_FOLDER:?}:/tls:ro" in TLS["services"]["nginx"]["volumes"]


def test_the_observers_reach_neither_postgresql_nor_redis() -> None:
    for observer in ("prometheus", "grafana", "jaeger"):
        assert neighbours(observer) & {"postgres", "redis", "nginx"} == set()
        assert neighbours(observer) >= {"service", "worker", "beat"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_privileges_a_read_only_root_and_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["logging"]["driver"] == "local", "it rotates"
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()
    bound = [volume for volume in service.get("volumes", []) if volume.startswith(".")]
    assert all(volume.endswith(":ro") for volume in bound)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_does_not_run_as_root(name: str) -> None:
    user = SERVICES[name].get("user") or _user_of_image(SERVICES[name]["build"]["target"])
    assert user.split(":")[0] not in {"", "0", "root"}


def _user_of_image(stage: str) -> str:
    found = re.search(rf"^FROM \S+ AS {stage}\n.*?^USER (\S+)$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, stage
    return found[1]


def test_every_process_of_the_service_starts_after_the_migration_and_the_migration_after_the_database() -> None:
    for name in ("service", "worker", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert SERVICES[name]["depends_on"]["redis"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["nginx"]["depends_on"] == {"service": {"condition": "service_healthy"}}


def test_the_default_is_more_than_one_server() -> None:
    assert SERVICES["service"]["deploy"]["replicas"] == "${SERVICE_REPLICAS:-2}"
    assert "container_name" not in SERVICES["service"]


def test_no_secret_is_in_the_composition() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|TOKEN|PASSWORD|KEY|AUTH", variable):
                assert re.fullmatch(r"\$\{\w+(:\?|:-)\}", value), (name, variable)


def test_every_variable_of_env_reaches_every_process_of_the_service() -> None:
    for name in ("service", "worker", "beat", "migrate"):
        assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}]


def test_the_environment_of_the_composition_hides_no_value_of_env() -> None:
    """Except the addresses of its own PostgreSQL and Redis, and what belongs to nginx and Prometheus."""
    for name in ("service", "worker", "beat", "migrate"):
        fixed = {name for name, value in SERVICES[name]["environment"].items() if f"${{{name}:" not in value}
        assert fixed <= {
            "DATABASE_URL",
            "REDIS_URL",
            "CELERY_BROKER_URL",
            "FORWARDED_ALLOW_IPS",
            "SHUTDOWN_DRAIN_SECONDS",
            "METRICS_ADDRESS",
        }


def test_a_new_env_has_a_secret_of_its_own_for_every_placeholder(tmp_path: Path) -> None:
    copy(SAMPLE, tmp_path / ".env.sample")
    copy(CHECKOUT / "compose" / "make-env.sh", tmp_path / "compose" / "make-env.sh")
    command = ["sh", str(tmp_path / "compose" / "make-env.sh")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made, sample = read(tmp_path / ".env"), read(SAMPLE)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    secrets = {name: value for name, value in made.items() if sample[name].startswith("change-me")}
    assert len(secrets) == len(set(secrets.values())) == 7
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in secrets.values())
    assert made["POSTGRES_PASSWORD"] in made["DATABASE_URL"]
    assert {name: value for name, value in made.items() if "change-me" in value} == {}
    assert {name: made[name] for name in made if "change-me" not in sample[name]} == {
        name: value for name, value in sample.items() if "change-me" not in value
    }
    again = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (again.returncode, read(tmp_path / ".env")) == (1, made)


def test_redis_requires_a_password() -> None:
    redis = SERVICES["redis"]
    assert redis["command"][:3] == ["redis-server", "--appendonly", "yes"]
    assert redis["command"][-2:] == ["--requirepass", "${REDIS_PASSWORD:?}"]
    assert redis["environment"]["REDISCLI_AUTH"] == "${REDIS_PASSWORD:?}"
    urls = re.findall(
        r"redis://\S+", json.dumps({name: service for name, service in SERVICES.items() if name != "redis"})
    )
    assert len(urls) > 8
    assert all(url.startswith("redis://:${REDIS_PASSWORD:?}@redis:6379/") for url in urls)


def test_every_variable_of_the_composition_is_in_the_sample() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (CHECKOUT / "docker-compose.yml").read_text()))
    assert asked - read(SAMPLE).keys() == set()


def test_each_process_runs_from_the_image_of_its_stage() -> None:
    stages = {name: service["build"]["target"] for name, service in SERVICES.items() if "build" in service}
    assert {stages.pop(name) for name in ("sandbox", "sandbox-coupons")} == {"sandbox"}
    assert set(stages.values()) == {"production"}
    assert SERVICES["sandbox"]["image"] != SERVICES["service"]["image"]


def test_the_default_image_is_production_without_the_sandbox() -> None:
    assert list(STAGES)[-1] == "production"
    assert [path for path in STAGES["production"] if path.startswith("compose")] == []
    assert "aiohttp" not in locked("requirements.txt")


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_holds_every_file_and_package_that_its_process_needs(stage: str, tmp_path: Path) -> None:
    lock, modules = IMAGES[stage]
    for path in STAGES[stage]:
        copy(CHECKOUT / path, tmp_path / path)
    command = [sys.executable, "-c", WITHOUT, ",".join(sorted(missing(lock))), *modules]
    environment = {**read(PLACEHOLDERS), "DJANGO_SETTINGS_MODULE": "asgi_app.settings"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_package_missing_from_an_image_is_detected(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT, ",".join(sorted(missing("requirements.txt"))), "compose.sandbox.users"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert "No module named 'aiohttp'" in done.stderr


def test_the_locks_agree_on_every_version() -> None:
    production, sandbox, development = map(
        pins, ("requirements.txt", "requirements-sandbox.txt", "requirements-dev.txt")
    )
    assert production.items() <= sandbox.items() <= development.items()


def test_the_build_context_has_every_copied_file() -> None:
    allowed = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in {path for paths in STAGES.values() for path in paths}:
        assert any(path == one or path.startswith(f"{one}/") for one in allowed), path


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", (CHECKOUT / lock).read_text(), re.MULTILINE))


def locked(lock: str) -> set[str]:
    return set(map(normal, pins(lock)))


def normal(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
