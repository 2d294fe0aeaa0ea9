"""How a command fails: one sentence on stderr and an exit code, never a traceback."""


class Failed(Exception):
    """The command could not do what it was asked to (exit code 1). The message: what happened, to what, what to do."""

    exit_code = 1


class WrongUse(Failed):
    """The command was asked for something that makes no sense (exit code 2): an option, a setting, a statement."""

    exit_code = 2
