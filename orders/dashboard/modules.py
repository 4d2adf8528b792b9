"""One script made of many ES modules, so that the first load is a few requests: the rate limit of an address allows 600 a minute.

It is made when the process starts, without a build step. Each module becomes a block with its own names; what it exports is
kept by its path, and modules run after those that they import, as the browser would run them.
"""

import posixpath
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter

_IMPORT = re.compile(
    r'^import (?:\* as (?P<all>\w+)|(?P<default>\w+)|\{(?P<names>[^}]*)\}) from "(?P<path>[^"]+)";$', re.M
)
_EXPORT = re.compile(
    r"^export (?:(?P<default>default) |(?=(?:async )?function\*? (\w+)|class (\w+)|const (\w+)))", re.M
)
_OTHER = re.compile(r"^(?:import|export)\b.*|.*\bimport\(.*", re.M)  # what is loaded later would have its own modules
_OWN_ADDRESS = re.compile(r"\bimport\.meta\.url\b")


def join(modules: Mapping[str, str]) -> str:
    """Return the script of `modules`, by their paths below the folder in which the script lies.

    Raises ValueError for an import or export of another form than the dashboard's modules have, and its subclass CycleError
    for modules that import each other.
    """
    imports = {path: [_resolve(path, found["path"]) for found in _IMPORT.finditer(modules[path])] for path in modules}
    order = TopologicalSorter(imports).static_order()
    return "\n".join(["const $modules = {};", *(_block(path, modules[path]) for path in order)])


def _block(path: str, text: str) -> str:
    exports = [name for found in _EXPORT.finditer(text) for name in found.groups()[1:] if name]
    if any(found["default"] for found in _EXPORT.finditer(text)):
        exports.append("default: $default")
    text = _EXPORT.sub(lambda found: "const $default = " if found["default"] else "", text)
    text = _IMPORT.sub(lambda found: _constants(path, found), text)
    text = _OWN_ADDRESS.sub(f'new URL("./{path}", import.meta.url).href', text)
    if other := _OTHER.search(text):
        raise ValueError(f"{path}: {other[0]}: not a form of import or export that the dashboard's modules may have.")
    return f'{{\n{text.rstrip()}\n\n$modules["{path}"] = {{ {", ".join(exports)} }};\n}}\n'


def _constants(path: str, found: re.Match[str]) -> str:
    """Return the statement that replaces an import."""
    module = f'$modules["{_resolve(path, found["path"])}"]'
    if found["default"]:
        return f"const {found['default']} = {module}.default;"
    if found["all"]:
        return f"const {found['all']} = {module};"
    return f"const {{{found['names'].replace(' as ', ': ')}}} = {module};"


def _resolve(path: str, reference: str) -> str:
    """Return the path of the module to which `reference` in the module at `path` refers."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), reference))
