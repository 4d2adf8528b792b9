"""What can keep the local stack from running. Each message says what is wrong, and what to do about it if it can."""


class ComposeError(Exception):
    """Something about the local stack that a person has to know; shown without a traceback."""


class PortError(ComposeError):
    """A port that was asked for can't be had."""


class AccountError(ComposeError):
    """No account can be had that PostgreSQL accepts."""


class ServerError(ComposeError):
    """PostgreSQL or Redis can't be started."""


class ProcessError(ComposeError):
    """A process ended or did not become ready; the message holds the end of its log."""


class StackError(ComposeError):
    """The stack as a whole can't be used."""


class StepError(ComposeError):
    """A step of the demo did not happen."""
