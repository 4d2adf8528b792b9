"""The configurations of the highly available stack, checked by the programs that read them."""

import subprocess
from pathlib import Path

import pytest

from compose.ha.cluster import Cluster
from compose.ha.programs import missing_programs, program
from compose.ports import free_port
from compose.servers import ENVIRONMENT

pytestmark = pytest.mark.skipif(bool(missing_programs()), reason="needs etcd, HAProxy and Patroni: compose/ha/install")


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """Return machines that are configured and not started."""
    cluster = Cluster(tmp_path / "ha", tmp_path, postgres_port=free_port(), redis_port=free_port())
    cluster.configure()
    return cluster


def test_haproxy_accepts_its_configuration_without_a_warning(cluster: Cluster) -> None:
    command = [program("haproxy"), "-c", "-dW", "-f", str(cluster.folder / "haproxy.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


def test_patroni_accepts_the_configuration_of_each_machine(cluster: Cluster) -> None:
    """It finds two things only: that etcd does not run here, and that the loopback is not for machines of their own."""
    for machine in cluster.machines:
        configuration = machine.folder / "patroni.yml"
        command = [program("patroni"), "--validate-config", "--ignore-listen-port", str(configuration)]
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
        findings = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        expected = [
            line
            for line in findings
            if ("connect_address" in line and '"127.0.0.1"' in line) or line.startswith("etcd3.")
        ]
        assert findings == expected != [], findings


def test_patroni_can_lose_its_lock_before_another_machine_takes_it(cluster: Cluster) -> None:
    """Patroni's rule: a primary has given up, retries included, before its lock expires."""
    text = (cluster.machines[0].folder / "patroni.yml").read_text()
    ttl, wait, retry = (int(text.split(f"{name}: ")[1].split()[0]) for name in ("ttl", "loop_wait", "retry_timeout"))
    assert wait + 2 * retry <= ttl
