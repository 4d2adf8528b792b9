"""nginx accepts its configuration, with HTTPS and without."""

import subprocess
from pathlib import Path

import pytest

from tests.support.nginx import command, needs_nginx, write_configuration
from tests.support.tls import HERE, Authority

pytestmark = needs_nginx


@pytest.mark.parametrize("https", [True, False])
def test_nginx_accepts_the_configuration_without_a_warning(tmp_path: Path, authority: Authority, https: bool) -> None:
    folder = tmp_path / "nginx"
    certificate = authority.certificate(HERE) if https else None
    write_configuration(folder, ["127.0.0.1:1"], certificate=certificate)
    tested = subprocess.run(command(folder, "-t"), capture_output=True, text=True, timeout=60, check=False)
    assert (tested.returncode, "[warn]" in tested.stderr) == (0, False), tested.stderr


def test_a_certificate_that_is_missing_stops_the_start(tmp_path: Path, authority: Authority) -> None:
    folder = tmp_path / "nginx"
    write_configuration(folder, ["127.0.0.1:1"], certificate=authority.certificate(HERE))
    (folder / "privkey.pem").unlink()
    tested = subprocess.run(command(folder, "-t"), capture_output=True, text=True, timeout=60, check=False)
    assert tested.returncode != 0
    assert "privkey.pem" in tested.stderr
