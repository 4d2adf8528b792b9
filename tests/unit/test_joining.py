"""Every command that a page, a hook, the workflow or the devcontainer names exists."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.environment import CHECKOUT

TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob(".github/**/*.md")])
WORKFLOW = CHECKOUT / ".github" / "workflows" / "ci.yml"


def document(file: str) -> Any:
    return yaml.safe_load((CHECKOUT / file).read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_that_a_page_names_exists(page: Path) -> None:
    code = "\n".join(re.findall(r"`[^`]+`|^```.*?^```", page.read_text(), re.MULTILINE | re.DOTALL))
    named = {word for words in re.findall(r"\bmake((?: [a-z-]+)+)", code) for word in words.split()}
    assert named - TARGETS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_heading_that_a_page_links_to_exists(page: Path) -> None:
    for address in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = address.partition("#")
        if not address.startswith(("https://", "http://", "mailto:")):
            linked = (page.parent / path) if path else page
            assert linked.exists(), address
            assert not heading or heading in headings(linked), address


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_ci_runs_the_targets_of_the_makefile_and_may_only_read() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    [job] = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == [".ci/run ${{ matrix.target }}"]
    named = set(re.findall('"([a-z-]+)"', job["strategy"]["matrix"]["target"]))
    assert named >= {"check", "test"}
    assert named - TARGETS == set()
    assert workflow["permissions"] == {"contents": "read"}
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def test_ci_keeps_the_downloads_of_one_lock() -> None:
    [job] = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    [cache] = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/cache@")]
    [lock] = re.findall(r"hashFiles\('([^']+)'\)", cache["key"])
    assert (CHECKOUT / lock).exists()
    assert cache["path"] == job["env"]["PIP_CACHE_DIR"]


def test_the_hooks_use_the_installed_programs_and_download_nothing() -> None:
    [repository] = document(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system", hook["id"]
        program, argument = hook["entry"].split()[:2] if " " in hook["entry"] else (hook["entry"], "")
        assert argument in TARGETS if program == "make" else (CHECKOUT / program).exists(), hook["entry"]


def test_the_devcontainer_installs_by_the_makefile_and_forwards_the_services_port() -> None:
    container = json.loads((CHECKOUT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["postCreateCommand"].removeprefix("make ") in TARGETS
    assert container["forwardPorts"] == [8000]
    [version] = re.findall(r'requires-python = ">=([\d.]+)"', (CHECKOUT / "pyproject.toml").read_text())
    assert f":{version}-" in container["image"]
    assert f":{version}-" in yaml.safe_load(WORKFLOW.read_text())["jobs"]["make"]["container"]


def test_the_licence_is_the_same_everywhere() -> None:
    assert "Apache License" in (CHECKOUT / "LICENSE").read_text()
    assert 'license = "Apache-2.0"' in (CHECKOUT / "pyproject.toml").read_text()
    assert "\n    identifier: Apache-2.0\n" in (CHECKOUT / "openapi.yaml").read_text()
