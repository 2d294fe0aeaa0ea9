"""A virtual environment for each program under test, with exactly the packages its requirements file pins.

Environments lie in `.cache/e2e/<name>-<hash of the requirements and the Python>`, so that only the first run downloads.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "e2e"
REQUIREMENTS = Path(__file__).parent / "requirements"

INSTALL_TIMEOUT_S = 240
"""For about forty wheels on a slow line."""


class InstallerMissingError(Exception):
    """What a program under test needs cannot be installed on this machine; the message says why."""


def environment_python(name: str) -> Path:
    """The interpreter of the environment for `requirements/<name>.txt`, made when it is not there yet.

    Raises `InstallerMissingError` without uv, and when a package cannot be installed.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    identity = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = CACHE / f"{name}-{identity}"
    python = Path("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not folder.exists():
        uv = uv_command()
        CACHE.mkdir(parents=True, exist_ok=True)
        # Made beside and renamed when complete: an interrupted install is never taken for an environment.
        making = CACHE / f"{folder.name}.{os.getpid()}"
        venv = ("venv", "--quiet", "--relocatable", "--no-project", "--python", sys.executable)
        # --no-deps: the file pins everything, and some packages refuse in words what works in deeds.
        install = ("pip", "install", "--quiet", "--no-deps", "--compile-bytecode", "--python", str(making / python))
        install_or_clear([*uv, *venv, str(making)], making, making.parent)
        install_or_clear([*uv, *install, "--requirement", str(requirements)], making, making.parent)
        try:
            making.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            shutil.rmtree(making)  # another test process was faster
    return folder / python


def uv_command() -> list[str]:
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


def install_or_clear(command: Sequence[str], making: Path, working: Path) -> None:
    """Run an installer in `working`; when it fails, remove what it was making and say so.

    Raises `InstallerMissingError`.
    """
    try:
        subprocess.run(command, cwd=working, check=True, timeout=INSTALL_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failed:
        shutil.rmtree(making, ignore_errors=True)
        raise InstallerMissingError(
            f"the packages cannot be installed here (is there a network?): {failed}"
        ) from failed
