"""References in a page or a style sheet."""

import re

import httpx

REFERENCES = re.compile(r"""(?:src|href)="([^"]*)"|@import\s+([^;]+)|url\(([^)]*)\)""")


def links(answer: httpx.Response) -> list[str]:
    """Return the addresses that a page or a style sheet refers to."""
    return ["".join(found).strip("\"' ") for found in REFERENCES.findall(answer.text)]
