"""Where the data folder is, found fast: for a command that is run several times a minute and must not be felt.

The same rule as in settings.py, whose checks of all settings take longer to import than the whole command may take.
"""

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "SPANLEDGER_DATA"
CONFIG_VARIABLE: Final = "SPANLEDGER_CONFIG"
CONFIG_FILE: Final = "spanledger.toml"


def data_folder() -> Path:
    """The folder of SPANLEDGER_DATA, else of the settings file, else of this platform's user data.

    A settings file that cannot be read says nothing here; every other command says what is wrong with it.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    import tomllib

    try:
        said = tomllib.loads(Path(os.environ.get(CONFIG_VARIABLE) or CONFIG_FILE).expanduser().read_text("utf-8"))
    except (OSError, ValueError):
        said = {}
    if isinstance(named := said.get("data"), str):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("spanledger", appauthor=False))
