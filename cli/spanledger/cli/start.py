"""Where the program `spanledger` starts: at once for what must not be felt, else with all commands.

The status line is written many times an hour, and so is a replay with nothing new: importing the command line takes
three times as long as all that they do.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Run the command line. Exit codes as those of `main.main`."""
    match sys.argv[1:]:
        case ["statusline"]:
            _statusline(None)
        case ["statusline", "--data", folder]:
            _statusline(Path(folder))
        case []:
            _carefully(_first_bill)
        case ["replay"]:
            _carefully(lambda: _replay(None, as_json=False))
        case ["replay", "--json"]:
            _carefully(lambda: _replay(None, as_json=True))
        case ["replay", "--data", folder]:
            _carefully(lambda: _replay(Path(folder), as_json=False))
        case ["replay", "--data", folder, "--json"]:
            _carefully(lambda: _replay(Path(folder), as_json=True))
        case _:
            from spanledger.cli import main as commands

            commands.main()


def _statusline(data: Path | None) -> None:
    from spanledger.cli.statusline import statusline

    statusline(data)


def _first_bill() -> None:
    from spanledger.cli.first_bill import first_bill

    first_bill()


def _replay(data: Path | None, *, as_json: bool) -> None:
    from spanledger.cli.replay_known import replay_known

    replay_known(data, as_json=as_json)


def _carefully(command: Callable[[], None]) -> None:
    """Run a command that fails in one sentence, and end.

    All that it wrote is durable by then. Python would take its modules apart one by one, for a sixth of a second.
    """
    from spanledger.cli.failures import Failed
    from spanledger.cli.say import complain
    from spanledger.storage.errors import LedgerError

    code = 0
    try:
        command()
        sys.stdout.flush()
    except (Failed, LedgerError) as error:
        complain(str(error))
        code = error.exit_code if isinstance(error, Failed) else 1
    except KeyboardInterrupt:
        complain("Aborted.")
        code = 130
    except BrokenPipeError:  # nobody reads what is said
        os._exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
