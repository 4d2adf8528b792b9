"""The error of a measurement whose figures mean nothing."""


class BenchError(Exception):
    """A response was an error, or a step did not have exactly its effects."""


def expect(what: str, found: int, wanted: int) -> None:
    """Raise BenchError unless the step had exactly its effects."""
    if found != wanted:
        raise BenchError(f"{what}: {found:,}, not {wanted:,}.")
