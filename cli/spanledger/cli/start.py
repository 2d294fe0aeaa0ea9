"""Where the program `spanledger` starts: at once for the status line, which must not be felt, else with all commands.

Importing the command line takes three times as long as all that the status line does.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line. Exit codes as those of `main.main`."""
    match sys.argv[1:]:
        case ["statusline"]:
            _statusline(None)
        case ["statusline", "--data", folder]:
            _statusline(Path(folder))
        case _:
            from spanledger.cli import main as commands

            commands.main()


def _statusline(data: Path | None) -> None:
    from spanledger.cli.statusline import statusline

    statusline(data)


if __name__ == "__main__":
    main()
