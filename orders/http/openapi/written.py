"""The written parts of the OpenAPI document: `document.yaml` and `examples.yaml`."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def read(name: str) -> Any:
    """Return the content of a file of this folder, read at its first use."""
    return yaml.safe_load(Path(__file__).with_name(name).read_text())
