"""The catalogue that comes with the program: the installed `genai_prices`, corrected by our overlay.

Compiling takes a third of a second, half of it for importing 1.6 MB of data; what it led to is kept in a file.
"""

import contextlib
import hashlib
import os
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from spanledger.processors.pricing.catalogue import Catalogue, CatalogueError
from spanledger.processors.pricing.catalogue_file import dump, load
from spanledger.processors.pricing.genai_prices_data import compile_catalogue
from spanledger.processors.pricing.overlay import Overlay, read_overlay

_OVERLAY: Final = "overlay.toml"
_ID_LENGTH: Final = 16


def bundled_overlay() -> Overlay:
    """Read the overlay of this version. Raises CatalogueError."""
    return read_overlay(_overlay_text(), _OVERLAY)


def bundled_catalogue(cache: Path | None = None) -> Catalogue:
    """The prices that come with the program; no network.

    `cache`: a folder in which what was compiled is kept for the next start, by all that it was made of. A file there
    that cannot be read is made anew, one that cannot be written is done without. Raises CatalogueError.
    """
    kept = None if cache is None else cache / f"catalogue-{_inputs()}.bin"
    if kept is not None and (catalogue := _kept(kept)) is not None:
        return catalogue
    from genai_prices.data import providers  # only who compiles pays for it

    catalogue = compile_catalogue(providers, f"genai-prices {version('genai-prices')}", bundled_overlay())
    if kept is not None:
        _keep(kept, dump(catalogue))
    return catalogue


def _kept(path: Path) -> Catalogue | None:
    try:
        return load(path.read_bytes(), str(path))
    except (OSError, CatalogueError):  # made anew from what it was made of
        return None


def _keep(path: Path, content: bytes) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError:  # a full or read-only disk costs a third of a second at the next start
        with contextlib.suppress(OSError):
            scratch.unlink()


def _inputs() -> str:
    """Hash what the catalogue is made of: the version of the data, the overlay, and the code of this folder."""
    content = hashlib.sha256(version("genai-prices").encode())
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith((".py", ".toml")):
            content.update(file.read_bytes())
    return content.hexdigest()[:_ID_LENGTH]


def _overlay_text() -> str:
    return (files(__package__) / _OVERLAY).read_text(encoding="utf-8")
