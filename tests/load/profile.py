"""A profile of the load test, read from `profiles.toml`, and the overrides of the command line.

USERS, RATE and FOR in the environment replace the number of users, the users that begin in a second, and the seconds in all.
"""

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("profiles.toml")


class Stage(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a run: for `seconds`, `users` is the share of the profile's users."""

    seconds: float
    users: float


class Profile(msgspec.Struct, forbid_unknown_fields=True):
    """The load, and its thresholds: shares for `failures` and `refusals`, else milliseconds by kind and percentile."""

    purpose: str
    users: int
    rate: float
    stages: list[Stage]
    thresholds: dict[str, float | dict[str, float]]

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    def at(self, seconds: float) -> tuple[int, float] | None:
        """Return the number of users and the rate at this time of the run; None when it is over."""
        for stage in self.stages:
            if seconds < stage.seconds:
                return max(1, round(self.users * stage.users)), self.rate
            seconds -= stage.seconds
        return None


def load_profile(name: str, environment: Mapping[str, str] = os.environ) -> Profile:
    """Return the profile of this name with the overrides of the environment.

    Raises ValueError, with the names that there are, for another name, and for an override that is no positive number.
    """
    profiles = msgspec.convert(tomllib.loads(FILE.read_text()), dict[str, Profile])
    if name not in profiles:
        raise ValueError(f"There is no profile {name!r}. Profiles are: {', '.join(profiles)}.")
    profile = profiles[name]
    if users := _positive(environment, "USERS"):
        profile.users = max(1, round(users))
    if rate := _positive(environment, "RATE"):
        profile.rate = rate
    if seconds := _positive(environment, "FOR"):
        factor = seconds / profile.seconds
        profile.stages = [Stage(stage.seconds * factor, stage.users) for stage in profile.stages]
    return profile


def _positive(environment: Mapping[str, str], name: str) -> float | None:
    """Return the number in a variable; FOR may end with its unit, `s`."""
    text = environment.get(name, "").removesuffix("s")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={environment[name]} is no positive number.")
    return value
