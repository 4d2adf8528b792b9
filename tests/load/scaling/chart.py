"""The chart of `docs/scaling.md`."""


def draw(figures: dict[str, dict[str, object]]) -> str:
    raise NotImplementedError
