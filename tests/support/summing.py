"""`python -m tests.support.summing SECONDS`: the summing up of analytics, once for each line of its input.

It waits for SECONDS at most for the transactions that are writing.

A program of its own, because Django is set up once a process and the tests use the service from outside.
"""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "asgi_app.settings"
django.setup()

from orders.analytics.services import sum_up  # noqa: E402

if __name__ == "__main__":
    sum_up.WRITERS_SECONDS = float(sys.argv[1])
    sum_up.BATCH_SIZE = 40
    for _ in sys.stdin:
        print(sum_up.sum_up(), flush=True)
