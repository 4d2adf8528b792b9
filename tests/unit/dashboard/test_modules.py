"""The script that is made of the dashboard's modules."""

import os
import subprocess
import sys
from graphlib import CycleError

import pytest

from compose.stack import CHECKOUT
from orders.dashboard.modules import join
from tests.support.environment import PLACEHOLDERS, read


def block(script: str, path: str) -> list[str]:
    """Return the lines of a module's block."""
    lines = script.splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith(f'$modules["{path}"] ='))
    begin = max(number for number, line in enumerate(lines[:end]) if line == "{")
    return [line for line in lines[begin + 1 : end + 1] if line]


def test_each_export_is_known_to_those_that_import_it() -> None:
    script = join(
        {
            "main.js": 'import { a, b as c } from "./parts/x.js";\nimport * as all from "./parts/x.js";\nrun(a, c, all);',
            "parts/x.js": "export const a = 1;\nexport function b() {}\nexport class C {}\nexport async function d() {}\n",
        }
    )
    assert block(script, "parts/x.js") == [
        "const a = 1;",
        "function b() {}",
        "class C {}",
        "async function d() {}",
        '$modules["parts/x.js"] = { a, b, C, d };',
    ]
    assert block(script, "main.js")[:3] == [
        'const { a, b: c } = $modules["parts/x.js"];',
        'const all = $modules["parts/x.js"];',
        "run(a, c, all);",
    ]


def test_a_default_export_and_its_import() -> None:
    script = join({"main.js": 'import page from "./page.js";\n', "page.js": "export default { open() {} };\n"})
    assert block(script, "page.js") == [
        "const $default = { open() {} };",
        '$modules["page.js"] = { default: $default };',
    ]
    assert block(script, "main.js")[0] == 'const page = $modules["page.js"].default;'


def test_a_module_runs_after_those_that_it_imports() -> None:
    script = join({"a.js": 'import * as b from "./b.js";', "b.js": "", "c.js": ""})
    assert script.index('$modules["b.js"] =') < script.index('$modules["a.js"] =')


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(CycleError):
        join({"a.js": 'import * as b from "./b.js";', "b.js": 'import * as a from "./a.js";'})


@pytest.mark.parametrize(
    "line",
    [
        'import "./x.js";',
        'import a, { b } from "./x.js";',
        "export let count = 0;",
        "export { a };",
        'export * from "./x.js";',
        'import { a } from "./x.js"',
        'const x = await import("./x.js");',
    ],
)
def test_other_forms_of_import_and_export_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a form of import or export"):
        join({"a.js": f"{line}\n", "x.js": ""})


def test_addresses_stay_those_of_the_module_that_names_them() -> None:
    """The script lies in another folder than most of its modules."""
    script = join({"pages/a.js": 'new URL("../../vendor/c.js", import.meta.url);\n'})
    assert 'new URL("../../vendor/c.js", new URL("./pages/a.js", import.meta.url).href);' in script


def test_words_in_comments_and_texts_stay() -> None:
    text = '// It may import more. We export nothing.\nconst text = "import me";\n'
    assert text.strip() in join({"a.js": text})


def test_every_process_makes_the_same_script() -> None:
    """Whatever the seed of Python's hashes: the addresses of the assets are made of its content."""
    made = {
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import django; django.setup(); from orders.dashboard import assets; print(assets.DIGEST)",
            ],
            cwd=CHECKOUT,
            env={
                **os.environ,
                **read(PLACEHOLDERS),
                "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
                "PYTHONHASHSEED": seed,
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(made) == 1
