"""The errors of the local stack. Each message states the problem and, where possible, the remedy."""


class ComposeError(Exception):
    """A problem of the local stack, printed without a traceback."""


class PortError(ComposeError):
    """A requested port is not available."""


class AccountError(ComposeError):
    """PostgreSQL can run under no account of this machine."""


class ServerError(ComposeError):
    """PostgreSQL or Redis cannot be started."""


class ProcessError(ComposeError):
    """A process ended or did not become ready; the message has the end of its log."""


class StackError(ComposeError):
    """The stack cannot be started or used."""


class StepError(ComposeError):
    """A step of the demo failed."""
