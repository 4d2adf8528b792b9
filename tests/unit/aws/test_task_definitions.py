"""The task definitions: every setting of `.env.sample` is decided, and containers run with as little as possible."""

import re
from typing import Any

import pytest
import yaml

from orders.api.orders.streams import HEARTBEAT_SECONDS
from tests.support.cloudformation import FOLDER, TEMPLATES, resources
from tests.support.environment import CHECKOUT, SAMPLE, defaults, read
from tests.support.settings import start

TASKS = resources("AWS::ECS::TaskDefinition")
SERVICES = ("ServerTask", "WorkerTask", "BeatTask")
"""The definitions of the service's own processes."""

SERVER_ALONE = {"FORWARDED_ALLOW_IPS", "UVICORN_TIMEOUT_KEEP_ALIVE", "SHUTDOWN_DRAIN_SECONDS"}
LIBPQ = {"PGUSER", "PGPASSWORD"}
"""Read by libpq for what DATABASE_URL leaves out."""

TRACING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
)
COMPOSE_ALONE = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "GRAFANA_PASSWORD",
    "ORDER_SERVICE_IMAGE",
    "SERVICE_REPLICAS",
    "HTTP_PORT",
    "COMPOSE_FILE",
    "TLS_FOLDER",
)
BY_DEFAULT = {
    "DJANGO_DEBUG": "never in production",
    "REQUEST_BODY_BYTES": "the size of an order depends on no environment",
    "STOCK_HOLD_SECONDS": "follows ORDER_EXPIRY_SECONDS",
    "PAYMENT_PARKING_SECONDS": "depends on the order of Payment's events, not on AWS",
    "PAYMENT_CHANNEL": "few servers: each may handle what the channel has",
    "OUTBOX_GIVE_UP_SECONDS": "a day, whatever the environment",
    "RECONCILE_SECONDS": "the alarm jobs-silent expects the default",
    "CHECKOUT_BUDGET_SECONDS": "less than the 60 s of the load balancer",
    "CHECKOUT_QUEUE_MS": "goes with the budget",
    "REQUESTS_IN_FLIGHT": "one process a container, as measured",
    "STREAMS_IN_FLIGHT": "14 MiB of a server's memory; Fargate allows 65 535 open files",
    "NEIGHBOUR_CALLS_IN_FLIGHT": "one process a container, as measured",
    "NEIGHBOUR_CONNECT_SECONDS": "the other services are in the same region",
    "NEIGHBOUR_READ_SECONDS": "the other services are in the same region",
    "CIRCUIT_CALLS": "depends on no environment",
    "CIRCUIT_FAILURE_RATIO": "depends on no environment",
    "CIRCUIT_OPEN_SECONDS": "depends on no environment",
    "PRODUCT_RESERVE_SECONDS": "the other services are in the same region",
    "PRODUCT_READ_SECONDS": "the other services are in the same region",
    "DATABASE_POOLER": "connections are few enough without RDS Proxy (docs/aws.md, Sizes)",
    "DATABASE_POOL_WAIT_SECONDS": "depends on no environment",
    "DATABASE_ANSWER_SECONDS": "one host, whose name follows a failover",
    "DATABASE_CONNECT_TIMEOUT_SECONDS": "a commit waits for the other zone, a connection does not",
    "DATABASE_STATEMENT_TIMEOUT_MS": "release.sh raises it for migrations",
    "DATABASE_LOCK_TIMEOUT_MS": "depends on no environment",
    "REDIS_CONNECT_TIMEOUT_SECONDS": "TLS takes milliseconds",
    "REDIS_READ_TIMEOUT_SECONDS": "depends on no environment",
    "CELERY_BROKER_URL": "database 1 of the Redis at REDIS_URL",
    "METRICS_ADDRESS": "the alarms use metrics of AWS and of the logs",
    **dict.fromkeys(TRACING, "these stacks have no receiver of traces"),
    **dict.fromkeys(COMPOSE_ALONE, "of docker-compose.yml"),
}
"""The variables that keep their default, and why."""


def container(task: str) -> dict[str, Any]:
    (only,) = TASKS[task]["ContainerDefinitions"]
    return dict(only)


def environment(task: str) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in container(task)["Environment"]}


def secret(task: str) -> dict[str, Any]:
    return {each["Name"]: each["ValueFrom"] for each in container(task)["Secrets"]}


@pytest.mark.parametrize("task", SERVICES)
def test_every_variable_of_the_sample_is_set_or_keeps_its_default_for_a_reason(task: str) -> None:
    explained = {*read(SAMPLE), *defaults(SAMPLE)}
    given = {*environment(task), *secret(task)} - LIBPQ
    assert given | BY_DEFAULT.keys() | SERVER_ALONE == explained
    assert given & BY_DEFAULT.keys() == set()
    assert (task == "ServerTask") == (given >= SERVER_ALONE)


def test_worker_and_beat_have_the_settings_of_the_server() -> None:
    server = {name: value for name, value in environment("ServerTask").items() if name not in SERVER_ALONE}
    for task in ("WorkerTask", "BeatTask"):
        assert environment(task) == server
        assert secret(task) == secret("ServerTask")


def test_the_settings_are_accepted_with_the_defaults_of_the_stack() -> None:
    """Secrets and parameters without a default have example values; the placeholders in them are replaced."""
    examples = {
        "AllowedHosts": "orders.example.com",
        "UserServiceUrl": "https://user.internal",
        "CartServiceUrl": "https://cart.internal",
        "ProductServiceAddr": "product.internal:443",
        "JwtIssuer": "https://users.example.com",
        "JwtJwksUrl": "https://users.example.com/keys",
    }
    parameters = {name: str(each.get("Default", "")) for name, each in TEMPLATES["tasks"]["Parameters"].items()}
    parameters |= examples
    values: dict[str, str] = {}
    for name, value in environment("ServerTask").items():
        match value:
            case str():
                values[name] = value
            case {"Ref": parameter}:
                values[name] = parameters[parameter]
            case {"Fn::Sub": [text, _]}:
                values[name] = text.replace("${Host}", "orders.x.eu-central-1.rds.amazonaws.com")
            case {"Fn::ImportValue": _}:
                values[name] = "10.20.0.0/20,10.20.16.0/20"
    assert values.keys() == environment("ServerTask").keys()
    secrets = dict.fromkeys(secret("ServerTask"), "s" * 60) | {"REDIS_URL": "rediss://:token@redis.internal:6379/0"}
    settings = start(values | secrets | {"JWT_SECRET": ""})
    database = settings["DATABASES"]["default"]
    assert (database["USER"], database["PASSWORD"], database["NAME"]) == ("", "", "orders")
    assert database["OPTIONS"]["sslmode"] == "verify-full"
    assert settings["CELERY_BROKER_URL"] == "rediss://:token@redis.internal:6379/1"
    assert settings["PRODUCT_SERVICE_TLS"] is True


@pytest.mark.parametrize("task", TASKS)
def test_secrets_come_from_secrets_manager_alone(task: str) -> None:
    sensitive = re.compile("SECRET|TOKEN|PASSWORD|REDIS_URL")
    assert [name for name in environment(task) if sensitive.search(name)] == []
    for name, source in secret(task).items():
        assert "Secret" in str(source), name
    assert "@" not in str(environment(task).get("DATABASE_URL", ""))


@pytest.mark.parametrize("task", TASKS)
def test_a_container_writes_to_tmp_alone_gains_no_rights_and_does_not_run_as_root(task: str) -> None:
    this = container(task)
    assert this["ReadonlyRootFilesystem"] is True
    (mount,) = this["MountPoints"]
    assert mount == {"SourceVolume": "tmp", "ContainerPath": "/tmp"}  # noqa: S108  # in the container
    assert TASKS[task]["Volumes"] == [{"Name": "tmp"}]  # of the task itself, not of the host
    assert this["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert f"--uid {this['User']} " in (CHECKOUT / "compose" / "Dockerfile").read_text()
    assert this["User"] != "0"
    assert this["LogConfiguration"]["Options"]["mode"] == "non-blocking"


def test_the_image_is_named_by_digest() -> None:
    assert TEMPLATES["tasks"]["Parameters"]["Image"]["AllowedPattern"].endswith("@sha256:[0-9a-f]{64}")
    assert all(container(task)["Image"] == {"Ref": "Image"} for task in TASKS)


def test_old_revisions_stay_for_a_rollback() -> None:
    for name in TASKS:
        assert TEMPLATES["tasks"]["Resources"][name]["UpdateReplacePolicy"] == "Retain", name


def attributes(kind: str, name: str, key: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in resources(kind)[name][key]}


def test_the_load_balancer_outlasts_the_pauses_of_a_stream_and_closes_idle_connections_before_the_server() -> None:
    of_balancer = attributes("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancer", "LoadBalancerAttributes")
    idle = int(of_balancer["idle_timeout.timeout_seconds"])
    assert 3 * HEARTBEAT_SECONDS <= idle < int(environment("ServerTask")["UVICORN_TIMEOUT_KEEP_ALIVE"])


def test_a_server_has_the_time_that_its_graceful_stop_may_take() -> None:
    command = (CHECKOUT / "compose" / "Dockerfile").read_text()
    (graceful,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', command)
    reservations, outbox = 5, 10  # docs/operations.md, "Stop a server"
    drain = int(environment("ServerTask")["SHUTDOWN_DRAIN_SECONDS"])
    assert drain + int(graceful) + reservations + outbox < container("ServerTask")["StopTimeout"] <= 120


def test_the_load_balancer_asks_for_life_and_the_container_for_readiness() -> None:
    assert resources("AWS::ElasticLoadBalancingV2::TargetGroup")["Servers"]["HealthCheckPath"] == "/healthz"
    check = container("ServerTask")["HealthCheck"]
    assert "/readyz" in check["Command"][-1]
    assert check["Interval"] * check["Retries"] >= 300  # longer than a failover


@pytest.mark.parametrize(("task", "service"), [("WorkerTask", "worker"), ("BeatTask", "beat")])
def test_a_process_runs_as_in_the_composition(task: str, service: str) -> None:
    composition = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    expected = [word if word != "2" else {"Ref": "WorkerProcesses"} for word in composition[service]["command"]]
    assert container(task)["Command"] == expected


def test_the_server_runs_the_command_of_the_image() -> None:
    assert "Command" not in container("ServerTask")


def test_the_image_for_aws_has_the_files_that_the_tasks_name() -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "/etc/ssl/rds.pem" in dockerfile
    assert "create_database.py create_database.py" in dockerfile
    assert "sslrootcert=/etc/ssl/rds.pem" in str(environment("ServerTask")["DATABASE_URL"])
    assert environment("DatabaseTask")["PGSSLROOTCERT"] == "/etc/ssl/rds.pem"
    assert "\nVOLUME /tmp\n" in dockerfile  # writable for the container's user
    assert "USER" not in dockerfile  # that of the production image stays
