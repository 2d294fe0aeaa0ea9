"""From installing the wheel to the first bill of a machine with 200 MB of transcripts, into a new environment.

The wheel is built from this repository. All other packages are fetched before, so that no network is in the figures;
pip unpacks them and compiles every module, uv links what it has unpacked once.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure, Session
from benchmarks.load import REPOSITORY
from benchmarks.replay import GENERATOR, SIZE_MB, generate

FIRST_BILL_S: Final = 10.0
UV: Final = REPOSITORY / ".cache" / "tools" / "bin" / "uv"
EXTRA: Final = "server"


def measure(session: Session) -> list[Figure]:
    """With pip, with and without compiling what it installs, and with uv."""
    if not GENERATOR.is_file() or not UV.is_file():
        session.say(f"first bill: skipped, it needs {GENERATOR} and {UV}")
        return []
    logs = session.folder / "history"
    generate(logs, SIZE_MB / 10 if session.quick else SIZE_MB)
    folder = session.folder / "installed"
    folder.mkdir()
    _run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY])
    (wheel,) = folder.glob("*.whl")
    wanted = f"{wheel}[{EXTRA}]"
    packages = folder / "packages"
    fetching = _environment(folder / "fetching")
    _run([fetching, "-m", "pip", "download", "--quiet", "--dest", packages, wanted])
    offline = ["--quiet", "--no-index", "--find-links", packages, wanted]
    kept = {"UV_CACHE_DIR": str(folder / "kept")}
    _run([UV, "pip", "install", "--python", _environment(folder / "before"), *offline], kept, folder)

    figures = []
    for place, name in enumerate(("pip install", "pip install --no-compile", "uv pip install")):
        python = _environment(folder / str(place))
        program, *words = name.split()
        install = [UV, *words, "--python", python] if program == "uv" else [python, "-m", program, *words]
        installed_s = _run([*install, *offline], kept, folder)
        bill_s = _bill(python, logs, session.folder / f"home-{place}")
        again_s = _bill(python, logs, session.folder / f"other-home-{place}")
        whole = installed_s + bill_s
        figures.append(Figure(
            f"from `{name}` to a first bill",
            f"≤ {FIRST_BILL_S:.0f} s",
            f"{whole:.1f} s",
            whole <= FIRST_BILL_S,
            f"{installed_s:.1f} s to install {_megabytes(packages):.0f} MB of wheels, {bill_s:.1f} s for `spanledger` "
            f"the first time, with {SIZE_MB} MB of transcripts ({again_s:.1f} s with another ledger)",
        ))  # fmt: skip
    shutil.rmtree(folder)
    return figures


def _environment(folder: Path) -> Path:
    """A new virtual environment; its Python."""
    _run([sys.executable, "-m", "venv", folder])
    return folder / sysconfig.get_path("scripts", "venv", vars={"base": "."}) / "python"


def _bill(python: Path, logs: Path, home: Path) -> float:
    """How long `spanledger` alone takes in a home without a ledger."""
    home.mkdir()
    return _run([python.with_name("spanledger")], {"HOME": str(home), "CLAUDE_CONFIG_DIR": str(logs)})


def _run(command: Sequence[str | Path], more: Mapping[str, str] | None = None, folder: Path | None = None) -> float:
    """Run a command that must succeed, in a folder; how long it took, in seconds.

    uv takes what the project says of itself for its own settings where it is started within.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = others | dict(more or {})
    began = time.perf_counter()
    subprocess.run([str(part) for part in command], env=environment, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    return time.perf_counter() - began


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6
