"""`python -m tests.support.summing`: the summing up of analytics, once for each line `sum_up` of its input.

A program of its own, because Django is set up once a process and the tests use the service from outside.
"""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "asgi_app.settings"
django.setup()

from orders.analytics.services import sum_up  # noqa: E402

if __name__ == "__main__":
    sum_up.WRITERS_SECONDS = 0.05  # the tests' writers wait for this process
    sum_up.BATCH_SIZE = 40
    for line in sys.stdin:
        print(getattr(sum_up, line.strip())(), flush=True)
