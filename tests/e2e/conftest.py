"""The emitter matrix takes minutes and installs some thirty environments: only who names it or this folder runs it."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
MATRIX = HERE / "test_emitters.py"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the matrix out of `make test`, which replays its recordings instead."""
    if collection_path != MATRIX:
        return None
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    return None if any(path in (HERE, MATRIX) for path in named) else True
