"""A virtual environment for each program under test, with exactly the packages its requirements file pins.

Environments lie in `.cache/e2e/<name>-<hash of the requirements and the Python>`, so that only the first run downloads.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "e2e"
REQUIREMENTS = Path(__file__).parent / "requirements"

INSTALL_TIMEOUT_S = 240
"""For about forty wheels on a slow line."""


class InstallerMissingError(Exception):
    """There is no uv on this machine; the message says how to get it."""


def environment_python(name: str) -> Path:
    """The interpreter of the environment for `requirements/<name>.txt`, made when it is not there yet.

    Raises `InstallerMissingError` without uv, and `subprocess.CalledProcessError` when a package cannot be installed.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    identity = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = CACHE / f"{name}-{identity}"
    python = Path("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not folder.exists():
        uv = _uv()
        CACHE.mkdir(parents=True, exist_ok=True)
        # Made beside and renamed when complete: an interrupted install is never taken for an environment.
        making = CACHE / f"{folder.name}.{os.getpid()}"
        _run(uv, "venv", "--quiet", "--relocatable", "--no-project", "--python", sys.executable, str(making))
        _run(uv, "pip", "install", "--quiet", "--python", str(making / python), "--requirement", str(requirements))
        try:
            making.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            shutil.rmtree(making)  # another test process was faster
    return folder / python


def _uv() -> list[str]:
    """How uv is called here: the project's own, the one on the path, or the module."""
    own = ROOT / ".cache" / "tools" / "bin" / "uv"
    if own.exists():
        return [str(own)]
    if found := shutil.which("uv"):
        return [found]
    as_module = [sys.executable, "-m", "uv"]
    if subprocess.run([*as_module, "--version"], capture_output=True, check=False).returncode == 0:
        return as_module
    raise InstallerMissingError(
        "uv is not installed here, so no environment can be made: run `make test`, or install uv"
    )


def _run(uv: list[str], *arguments: str) -> None:
    subprocess.run([*uv, *arguments], check=True, timeout=INSTALL_TIMEOUT_S)
