"""The same for Node: a folder of packages for each `node/<name>/package-lock.json`, with a Node of its own.

The AI SDK wants Node 22 or newer. The lock files bring one for Linux; elsewhere the machine's own has to be new enough.
"""

import hashlib
import os
import shutil
from pathlib import Path

from tests.e2e.environments import CACHE, InstallerMissingError, install_or_clear

FOLDERS = Path(__file__).parent / "emitters" / "node"
LISTS = ("package.json", "package-lock.json")


def environment_node(name: str, script: Path) -> list[str]:
    """The command that runs a script among the packages of `node/<name>`, installed when they are not there yet.

    Raises `InstallerMissingError` without npm, and when a package cannot be installed.
    """
    lists = [FOLDERS / name / file for file in LISTS]
    identity = hashlib.sha256(b"".join(path.read_bytes() for path in lists)).hexdigest()[:16]
    folder = CACHE / f"{name}-{identity}"
    if not folder.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise InstallerMissingError("npm is not installed here, so the packages of Node cannot be: install Node")
        making = CACHE / f"{folder.name}.{os.getpid()}"
        making.mkdir(parents=True)
        for path in lists:
            shutil.copy(path, making)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error")
        install_or_clear([npm, "ci", *quiet], making, making)
        making.rename(folder)
    # Node looks for packages beside the script that asks for them.
    placed = folder / script.name
    shutil.copy(script, placed)
    own = sorted(folder.glob("node_modules/node-linux-*/bin/node"))
    node = str(own[0]) if own else shutil.which("node")
    if node is None:
        raise InstallerMissingError("there is no Node on this machine: install Node 22 or newer")
    return [node, str(placed)]
