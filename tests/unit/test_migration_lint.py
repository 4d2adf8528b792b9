"""The linter of migrations (.squawk.toml): statements that need a second release, or another form, are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import CHECKOUT

SQUAWK = Path(sys.executable).with_name("squawk")

REFUSED = {
    'CREATE INDEX "x" ON "orders" ("note")': "require-concurrent-index-creation",
    'DROP INDEX "orders_newest"': "require-concurrent-index-deletion",
    'ALTER TABLE "orders" ADD CONSTRAINT "x" CHECK (total > 0)': "constraint-missing-not-valid",
    'ALTER TABLE "orders" ADD CONSTRAINT "x" UNIQUE ("note")': "disallowed-unique-constraint",
    'ALTER TABLE "refunds" ADD CONSTRAINT "x" FOREIGN KEY ("order_id") REFERENCES "orders" ("id")': (
        "adding-foreign-key-constraint"
    ),
    'ALTER TABLE "orders" ADD COLUMN "x" bigint NOT NULL': "adding-required-field",
    'ALTER TABLE "orders" ADD COLUMN "x" uuid DEFAULT gen_random_uuid() NOT NULL': "adding-field-with-default",
    'ALTER TABLE "orders" ALTER COLUMN "note" SET NOT NULL': "adding-not-nullable-field",
    'ALTER TABLE "orders" ALTER COLUMN "total" TYPE numeric': "changing-column-type",
    'ALTER TABLE "orders" RENAME COLUMN "note" TO "remark"': "renaming-column",
    'ALTER TABLE "orders" RENAME TO "purchases"': "renaming-table",
    'ALTER TABLE "orders" DROP COLUMN "note"': "ban-drop-column",
    'DROP TABLE "orders"': "ban-drop-table",
    'ALTER TABLE "orders" ALTER COLUMN "x" DROP DEFAULT': "ban-drop-default",
}


def lint(sql: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Return the linter's findings about a migration of these statements."""
    file = folder / "0042_next.sql"
    file.write_text(sql)
    command = [str(SQUAWK), "--reporter", "gcc", str(file)]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("statement", REFUSED)
def test_a_statement_that_locks_a_table_or_breaks_the_previous_release_is_refused(
    statement: str, tmp_path: Path
) -> None:
    ended = lint(f"BEGIN;\n{statement};\nCOMMIT;", tmp_path)
    assert ended.returncode != 0
    assert f" {REFUSED[statement]} " in ended.stdout


def test_an_index_is_not_built_concurrently_within_a_transaction(tmp_path: Path) -> None:
    statement = 'CREATE INDEX CONCURRENTLY "x" ON "orders" ("note");'
    assert lint(statement, tmp_path).returncode == 0
    assert "ban-concurrent-index-creation-in-transaction" in lint(f"BEGIN;\n{statement}\nCOMMIT;", tmp_path).stdout


def test_a_constraint_is_validated_in_a_transaction_of_its_own(tmp_path: Path) -> None:
    add = 'ALTER TABLE "orders" ADD CONSTRAINT "x" CHECK (total > 0) NOT VALID;'
    validate = 'ALTER TABLE "orders" VALIDATE CONSTRAINT "x";'
    assert lint(f"BEGIN;\n{add}\nCOMMIT;\nBEGIN;\n{validate}\nCOMMIT;", tmp_path).returncode == 0
    assert lint(f"BEGIN;\n{add}\n{validate}\nCOMMIT;", tmp_path).returncode != 0


@pytest.mark.parametrize("column", ['"x" bigint NULL', '"x" bigint DEFAULT 0 NOT NULL'])
def test_a_column_that_the_previous_release_can_ignore_is_accepted(column: str, tmp_path: Path) -> None:
    assert lint(f'BEGIN;\nALTER TABLE "orders" ADD COLUMN {column};\nCOMMIT;', tmp_path).returncode == 0


def test_the_second_release_of_a_change_excuses_its_statement(tmp_path: Path) -> None:
    excuse = "-- No release reads it since 1.4.\n-- squawk-ignore ban-drop-column"
    assert lint(f'BEGIN;\n{excuse}\nALTER TABLE "orders" DROP COLUMN "note";\nCOMMIT;', tmp_path).returncode == 0
