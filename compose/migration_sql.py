"""The SQL of the migrations, one file each, for the linter of `make check`: `python -m compose.migration_sql FOLDER`.

Django asks a server how to write some values, so an empty one is started; nothing is executed on it.
"""

import os
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import call_command

from compose.servers import Postgres

APP = "orders"


def write(folder: Path) -> None:
    """Write the SQL of each migration to `<its name>.sql` in `folder`."""
    for migration in sorted((Path(__file__).parent.parent / APP / "migrations").glob("[0-9]*.py")):
        with (folder / f"{migration.stem}.sql").open("w") as sql:
            call_command("sqlmigrate", APP, migration.stem, stdout=sql, no_color=True)


def main() -> None:
    """Write the files with a throwaway server."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres", durable=False) as postgres:
        os.environ["DATABASE_URL"] = postgres.url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
        django.setup()
        write(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
