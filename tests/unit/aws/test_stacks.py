"""The stacks as a whole: they fit together, only the load balancer is reached from outside, and roles have no needless rights."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.support.cloudformation import FOLDER, STACKS, TEMPLATES, exports, imports, nodes, resources
from tests.support.environment import CHECKOUT

GUIDE = (CHECKOUT / "docs" / "aws.md").read_text()
INTERNAL = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/%6detrics",
    "//metrics",
    "/metrics/",
    "/healthz/",
    "/static/x",
    "/admin",
)
FOR_PEOPLE = {
    "RedisClientGroup",
    "RedisHost",
    "RepositoryUri",
    "LoadBalancerDnsName",
    "PrivateSubnets",
    "ContainerGroup",
}
"""Exports that the guide or a script uses."""


def test_each_import_is_exported_by_an_earlier_stack() -> None:
    exported: set[str] = set()
    for stack in STACKS:
        assert imports(TEMPLATES[stack]) - exported == set(), stack
        exported |= exports(stack)


def test_each_export_is_used() -> None:
    imported = set().union(*(imports(template) for template in TEMPLATES.values()))
    assert set().union(*map(exports, STACKS)) - imported == FOR_PEOPLE - imported
    assert all(name in GUIDE + scripts() for name in FOR_PEOPLE)


def test_the_project_is_the_same_parameter_in_each_stack() -> None:
    for template in TEMPLATES.values():
        project = template["Parameters"]["Project"]
        assert (project["Default"], project["AllowedPattern"]) == ("order-service", "[a-z][a-z0-9-]{1,23}")


def test_a_template_is_small_enough_to_be_deployed_without_a_bucket() -> None:
    for stack in STACKS:
        assert (FOLDER / f"{stack}.yaml").stat().st_size < 51_200, stack


def test_the_guide_deploys_each_stack_and_gives_every_parameter_without_a_default() -> None:
    for stack, template in TEMPLATES.items():
        by_script = stack in ("tasks", "services")
        assert f"{stack}.yaml" in GUIDE
        assert by_script or f"--template-file compose/aws/{stack}.yaml" in GUIDE
        for name, parameter in template["Parameters"].items():
            if "Default" not in parameter and not (stack == "services" and name.endswith("Task")) and name != "Image":
                assert f"{name}=" in GUIDE, f"{name} of {stack}"


def test_every_parameter_that_the_guide_sets_exists() -> None:
    known = {name for template in TEMPLATES.values() for name in template["Parameters"]}
    assert set(re.findall(r"(?<![A-Za-z&])([A-Z]+[a-z][A-Za-z]*)=", GUIDE)) - known == set()


# --- reach ------------------------------------------------------------------------------------------------------------
def test_only_the_load_balancer_is_reached_from_outside() -> None:
    open_groups = {
        name
        for name, group in resources("AWS::EC2::SecurityGroup").items()
        if any("CidrIp" in rule or "CidrIpv6" in rule for rule in group.get("SecurityGroupIngress", []))
    }
    assert open_groups == {"LoadBalancerGroup"}
    assert all("SourceSecurityGroupId" in rule for rule in resources("AWS::EC2::SecurityGroupIngress").values())


def test_no_group_has_the_open_egress_that_it_would_have_by_default() -> None:
    for name, group in resources("AWS::EC2::SecurityGroup").items():
        assert group["SecurityGroupEgress"], name
        for rule in group["SecurityGroupEgress"]:
            assert rule["IpProtocol"] == "tcp" or rule["CidrIp"] == "127.0.0.1/32", name


def test_containers_database_and_redis_have_no_public_address() -> None:
    for service in resources("AWS::ECS::Service").values():
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"
        assert imports(network["Subnets"]) == {"PrivateSubnets"}
    assert resources("AWS::RDS::DBInstance")["Database"]["PubliclyAccessible"] is False
    for kind in ("AWS::RDS::DBSubnetGroup", "AWS::ElastiCache::SubnetGroup"):
        assert [imports(group) for group in resources(kind).values()] == [{"DataSubnets"}]


def test_the_data_subnets_have_no_route_out() -> None:
    tables = {route["RouteTableId"]["Ref"] for route in resources("AWS::EC2::Route").values()}
    used = {
        each["RouteTableId"]["Ref"]
        for name, each in resources("AWS::EC2::SubnetRouteTableAssociation").items()
        if name.startswith("Data")
    }
    assert used == {"DataRoutes"}
    assert "DataRoutes" not in tables


def forwarded(path: str) -> bool:
    """Return whether a rule of the HTTPS listener forwards this path to the servers."""
    patterns = [
        value
        for rule in resources("AWS::ElasticLoadBalancingV2::ListenerRule").values()
        for condition in rule["Conditions"]
        for value in condition["PathPatternConfig"]["Values"]
    ]
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), path) for pattern in patterns)


@pytest.mark.parametrize("path", INTERNAL)
def test_an_internal_or_unknown_address_is_not_forwarded(path: str) -> None:
    assert not forwarded(path)
    listener = resources("AWS::ElasticLoadBalancingV2::Listener")["Https"]
    response = listener["DefaultActions"][0]["FixedResponseConfig"]
    assert json.loads(response["MessageBody"])["status"] == int(response["StatusCode"]) == 404


def test_every_address_of_the_api_and_the_dashboard_is_forwarded() -> None:
    schema = yaml.load((CHECKOUT / "openapi.yaml").read_text(), yaml.CSafeLoader)
    paths = [path for path in schema["paths"] if path not in INTERNAL]
    assert len(paths) > 30
    pages = ["/", "/dashboard", "/dashboard/orders", "/dashboard/assets/x/js/main.js", "/api/doc", "/api/schema"]
    assert [path for path in [*paths, *pages] if not forwarded(path)] == []


def test_a_rule_has_no_more_patterns_than_a_condition_may() -> None:
    for rule in resources("AWS::ElasticLoadBalancingV2::ListenerRule").values():
        assert all(len(condition["PathPatternConfig"]["Values"]) <= 3 for condition in rule["Conditions"])


def test_plain_http_is_only_redirected() -> None:
    actions = resources("AWS::ElasticLoadBalancingV2::Listener")["Http"]["DefaultActions"]
    assert [action["RedirectConfig"]["Protocol"] for action in actions] == ["HTTPS"]


# --- rights and secrets -----------------------------------------------------------------------------------------------
def statements() -> list[dict[str, Any]]:
    policies = [
        node["PolicyDocument"] for template in TEMPLATES.values() for node in nodes(template) if is_policy(node)
    ]
    return [statement for policy in policies for statement in policy["Statement"]]


def is_policy(node: object) -> bool:
    return isinstance(node, dict) and "PolicyDocument" in node


def test_no_right_is_for_every_action_or_every_resource() -> None:
    assert len(statements()) >= 6
    for statement in statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions)
        assert statement["Resource"] != "*" or actions == ["ecr:GetAuthorizationToken"]


def test_the_processes_have_no_rights_and_one_task_alone_reads_the_administrators_secret() -> None:
    roles = resources("AWS::IAM::Role")
    assert roles["TaskRole"].keys() == {"Description", "AssumeRolePolicyDocument"}
    readers = {name for name, role in roles.items() if "AdministratorSecret" in imports(role)}
    assert readers == {"DatabaseExecutionRole"}
    tasks = resources("AWS::ECS::TaskDefinition")
    assert {name for name, task in tasks.items() if imports(task["ExecutionRoleArn"]) == readers} == {"DatabaseTask"}
    assert all(imports(task["TaskRoleArn"]) == {"TaskRole"} for task in tasks.values())


def test_no_template_or_parameter_holds_a_secret() -> None:
    for stack, template in TEMPLATES.items():
        for name in template["Parameters"]:
            assert not re.search("Secret|Password|Token", name), f"{name} of {stack}"
    passwords = {
        str(value)
        for template in TEMPLATES.values()
        for node in nodes(template)
        if isinstance(node, dict)
        for key, value in node.items()
        if key in ("MasterUserPassword", "AuthToken")
    }
    assert len(passwords) == 2
    assert all("{{resolve:secretsmanager:" in password for password in passwords)


def test_a_secret_is_generated_composed_of_generated_ones_or_empty() -> None:
    for name, secret in resources("AWS::SecretsManager::Secret").items():
        if "GenerateSecretString" in secret:
            assert secret["GenerateSecretString"]["PasswordLength"] >= 40, name
        elif name != "SettingsSecret":
            assert "{{resolve:secretsmanager:" in str(secret["SecretString"]), name


def test_the_logins_of_postgresql_are_rotated_by_turns() -> None:
    kinds = {
        name: schedule["HostedRotationLambda"]["RotationType"]
        for name, schedule in resources("AWS::SecretsManager::RotationSchedule").items()
    }
    assert kinds == {"AdministratorRotation": "PostgreSQLSingleUser", "DatabaseRotation": "PostgreSQLMultiUser"}


def test_the_containers_restart_after_each_rotation_and_before_the_next() -> None:
    rotation = TEMPLATES["data"]["Parameters"]["RotationSchedule"]["Default"]
    restart = TEMPLATES["services"]["Parameters"]["RestartSchedule"]["Default"]
    when = [re.fullmatch(r"cron\(0 (\d+) 1 \* \? \*\)", schedule) for schedule in (rotation, restart)]
    rotated, restarted = (int(match[1]) for match in when if match)
    window = resources("AWS::SecretsManager::RotationSchedule")["DatabaseRotation"]["RotationRules"]["Duration"]
    assert rotated + int(window.removesuffix("h")) <= restarted < 24
    assert {name.removesuffix("Restart") for name in resources("AWS::Scheduler::Schedule")} == set(
        resources("AWS::ECS::Service")
    )


# --- data -------------------------------------------------------------------------------------------------------------
def test_postgresql_is_encrypted_replicated_kept_and_reached_by_tls_alone() -> None:
    database = resources("AWS::RDS::DBInstance")["Database"]
    assert database["MultiAZ"] is True
    assert database["StorageEncrypted"] is True
    assert TEMPLATES["data"]["Parameters"]["BackupDays"]["MinValue"] >= 1
    assert TEMPLATES["data"]["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"
    assert resources("AWS::RDS::DBParameterGroup")["DatabaseParameters"]["Parameters"]["rds.force_ssl"] == "1"


def test_redis_is_encrypted_has_a_password_fails_over_and_forgets_nothing() -> None:
    redis = resources("AWS::ElastiCache::ReplicationGroup")["Redis"]
    for name in ("TransitEncryptionEnabled", "AtRestEncryptionEnabled", "AutomaticFailoverEnabled", "MultiAZEnabled"):
        assert redis[name] is True, name
    assert redis["NumNodeGroups"] == 1  # the service refuses a Redis Cluster
    assert TEMPLATES["data"]["Parameters"]["RedisReplicas"]["MinValue"] >= 1
    parameters = resources("AWS::ElastiCache::ParameterGroup")["RedisParameters"]
    assert parameters["Properties"]["maxmemory-policy"] == "noeviction"


def test_a_failed_deployment_is_rolled_back() -> None:
    for name, service in resources("AWS::ECS::Service").items():
        deployment = service["DeploymentConfiguration"]
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}, name
        assert deployment["MinimumHealthyPercent"] == 100


def scripts() -> str:
    return "".join(script.read_text() for script in FOLDER.glob("*.sh"))
