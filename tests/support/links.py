"""References in a page, a style sheet or a module."""

import re

import httpx

REFERENCES = re.compile(
    r"""<(?:link|script|img)\s[^>]*(?:src|href)="([^"]*)"|@import\s+([^;]+)|url\(([^)]*)\)|from "(\./[^"]*)";"""
)
ANCHORS = re.compile(r"""<a\s[^>]*href="([^"]*)\"""")


def links(answer: httpx.Response) -> list[str]:
    """Return the addresses of what a page, a style sheet or a module loads."""
    return ["".join(found).strip("\"' ") for found in REFERENCES.findall(answer.text)]


def anchors(answer: httpx.Response) -> list[str]:
    """Return the addresses that a page leads to."""
    return ANCHORS.findall(answer.text)
