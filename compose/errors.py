"""What can keep the local stack from running. Each message says what is wrong and, where possible, what to do about it."""


class ComposeError(Exception):
    """A problem of the local stack that is shown without a traceback."""


class PortError(ComposeError):
    """A requested port is not available."""


class AccountError(ComposeError):
    """There is no account under which PostgreSQL agrees to run."""


class ServerError(ComposeError):
    """PostgreSQL or Redis cannot be started."""


class ProcessError(ComposeError):
    """A process ended or did not become ready; the message has the end of its log."""


class StackError(ComposeError):
    """The stack as a whole cannot be used."""


class StepError(ComposeError):
    """A step of the demo did not happen."""
