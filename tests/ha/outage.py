"""The time without orders: one customer at each server who orders without a pause and retries what is refused."""

import itertools
import threading
import time
from collections.abc import Sequence
from random import Random
from typing import Self

from tests.support.checkout_load import Client, Load, ensure_status
from tests.support.world import World, eventually

PAUSE_SECONDS = 0.05


class Outage:
    """From `with` to its end, place orders at each server and note when each 201 arrives. The load checks these orders, too."""

    def __init__(self, world: World, urls: Sequence[str], load: Load, rng: Random) -> None:
        self._load = load
        self._over = threading.Event()
        self._placed: dict[str, list[float]] = {url: [] for url in urls}
        self._threads = [
            threading.Thread(target=self._shop, args=(Client(world, [url], rng, "refusals"), url)) for url in urls
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def longest(self) -> float:
        """Return the longest time in seconds between two orders at one server."""
        return max(
            later - earlier for moments in self._placed.values() for earlier, later in itertools.pairwise(moments)
        )

    def after(self, moment: float) -> float:
        """Return the seconds from this moment (`time.monotonic`) until each server has placed an order."""
        return max(min(each for each in moments if each > moment) for moments in self._placed.values()) - moment

    def orders_since(self, moment: float) -> int:
        """Return how many orders were confirmed from this moment (`time.monotonic`) on."""
        return sum(each > moment for moments in self._placed.values() for each in moments)

    def wait_for_orders(self, number: int = 10) -> None:
        """Wait until each server has placed so many orders from now on."""
        wanted = {url: len(moments) + number for url, moments in self._placed.items()}
        eventually(
            lambda: (
                bool(self._load.broken) or all(len(moments) >= wanted[url] for url, moments in self._placed.items())
            ),
            "each server to place orders",
            60,
        )

    def _shop(self, client: Client, url: str) -> None:
        rng = Random(url)
        try:
            while not self._over.wait(PAUSE_SECONDS):
                purchase = self._load.prepare(rng)
                purchase.body.pop("expected_total", None)
                self._load.purchases.append(purchase)
                answer = client.buy(purchase)
                ensure_status(answer, 201)
                purchase.order = answer.json()
                self._placed[url].append(time.monotonic())
        except Exception as error:  # raised when the load ends
            self._load.broken.append(error)
        finally:
            client.close()
