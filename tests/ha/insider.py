"""A client on the machine of a primary that is cut off: it keeps inserting rows, and prints the number of each confirmed one.

python -m tests.ha.insider ADDRESS
"""

import sys
import time

import psycopg

TABLE = "written_inside"


def main(address: str) -> None:
    """Insert until killed; open a new connection after each failure, with a new number."""
    number = 0
    while True:
        try:
            with psycopg.connect(address, autocommit=True, connect_timeout=2) as connection:
                while True:
                    number += 1
                    connection.execute(f"INSERT INTO {TABLE} VALUES (%s)".encode(), [number])
                    print(number, flush=True)
                    time.sleep(0.05)
        except psycopg.Error as error:
            print(f"{number}: {error}".splitlines()[0], file=sys.stderr, flush=True)
            time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1])
