"""The catalogue that comes with the program: the installed `genai_prices`, corrected by our overlay.

Compiling takes a third of a second, half of it for importing 1.6 MB of data. What it led to comes with the program;
with another version of the data it is made at the first start, and kept in a file.
"""

import contextlib
import hashlib
import os
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanledger.processors.pricing.catalogue import Catalogue, CatalogueError
from spanledger.processors.pricing.catalogue_file import FORMAT, dump, holds, load

if TYPE_CHECKING:
    from spanledger.processors.pricing.overlay import Overlay

_OVERLAY: Final = "overlay.toml"
_ID_LENGTH: Final = 16
SHIPPED: Final = "catalogue.bin"
SHIPPED_FOR: Final = "catalogue.of"


def bundled_overlay() -> "Overlay":
    """Read the overlay of this version. Raises CatalogueError."""
    from spanledger.processors.pricing.overlay import read_overlay  # only who compiles needs it

    return read_overlay(_overlay_text(), _OVERLAY)


def bundled_catalogue(cache: Path | None = None) -> Catalogue:
    """The prices that come with the program; no network.

    A compiled one lies beside this file; it is of use while what it was made of is what is installed. `cache`: a folder
    in which another one is kept for the next start. A file there that cannot be read is made anew, one that cannot be
    written is done without. Raises CatalogueError.
    """
    if shipped_for() == _inputs():
        return load(_part(SHIPPED).read_bytes(), SHIPPED)
    kept = None if cache is None else cache / f"catalogue-{_inputs()}.bin"
    if kept is not None and (catalogue := _kept(kept)) is not None:
        return catalogue
    catalogue = compiled()
    if kept is not None:
        _keep(kept, dump(catalogue))
    return catalogue


def written(catalogue: Catalogue) -> bytes:
    """A catalogue as bytes that `load` reads; those of the one that comes with the program are there already."""
    if shipped_for() == _inputs() and holds(content := _part(SHIPPED).read_bytes(), catalogue):
        return content
    return dump(catalogue)


def compiled() -> Catalogue:
    """Compile the installed data. Raises CatalogueError."""
    from genai_prices.data import providers  # only who compiles pays for it: 18 MB

    from spanledger.processors.pricing.genai_prices_data import compile_catalogue

    return compile_catalogue(providers, f"genai-prices {version('genai-prices')}", bundled_overlay())


def shipped_for() -> str:
    """What the compiled catalogue beside this file was made of."""
    try:
        return _part(SHIPPED_FOR).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def ship(folder: Path) -> None:
    """Write the compiled catalogue and what it was made of into the folder of this file, given as a path."""
    (folder / SHIPPED).write_bytes(dump(compiled()))
    (folder / SHIPPED_FOR).write_text(f"{_inputs()}\n", encoding="ascii")


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
    """Hash what the catalogue is made of: the version of the data, the overlay, and the form."""
    made_of = f"{version('genai-prices')}\n{FORMAT}\n{_overlay_text()}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:_ID_LENGTH]


def _part(name: str) -> Traversable:
    return files(__package__) / name


def _overlay_text() -> str:
    return _part(_OVERLAY).read_text(encoding="utf-8")
