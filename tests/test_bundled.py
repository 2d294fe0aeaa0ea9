"""The catalogue of the program is compiled once and kept; a file that is broken is made anew."""

from dataclasses import replace
from pathlib import Path

import pytest

from spanledger.processors.pricing import bundled
from spanledger.processors.pricing.bundled import bundled_catalogue, compiled, written
from spanledger.processors.pricing.catalogue_file import dump, identified
from tests.price_calls import CATALOGUE


@pytest.fixture
def nothing_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another version of the data were installed than the one that the program came with."""
    monkeypatch.setattr(bundled, "shipped_for", lambda: "")


def kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.usefixtures("nothing_shipped")
def test_what_was_compiled_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    assert bundled_catalogue(folder).id == CATALOGUE.id
    (file,) = kept(folder)
    assert file.name.startswith("catalogue-")
    monkeypatch.setattr(bundled, "compiled", None)
    assert bundled_catalogue(folder).id == CATALOGUE.id


@pytest.mark.usefixtures("nothing_shipped")
@pytest.mark.parametrize("content", [b"", b"broken", b"spanledger catalogue 9\n"])
def test_a_file_that_cannot_be_read_is_made_anew(tmp_path: Path, content: bytes) -> None:
    bundled_catalogue(tmp_path)
    (file,) = kept(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(content)
    assert bundled_catalogue(tmp_path).id == CATALOGUE.id
    assert file.read_bytes() == whole


@pytest.mark.usefixtures("nothing_shipped")
def test_other_inputs_are_kept_in_a_file_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled_catalogue(tmp_path)
    monkeypatch.setattr(bundled, "version", lambda package: "0.0.1")
    bundled_catalogue(tmp_path)
    assert len(kept(tmp_path)) == 2


@pytest.mark.usefixtures("nothing_shipped")
def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert bundled_catalogue(tmp_path / "cache").id == CATALOGUE.id


def test_the_compiled_list_that_comes_with_the_program_is_what_compiling_gives(tmp_path: Path) -> None:
    shipped = bundled_catalogue(tmp_path)
    assert kept(tmp_path) == [], "the list beside the code is of another version; renew it with `make docs`"
    assert dump(shipped) == dump(compiled())


def test_what_came_with_the_program_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = bundled_catalogue()
    as_dumped = dump(shipped)
    monkeypatch.setattr(bundled, "dump", None)
    assert written(shipped) == as_dumped


def test_another_catalogue_is_written_as_it_is() -> None:
    shipped = bundled_catalogue()
    for other in (replace(shipped, source="elsewhere"), identified(replace(shipped, rows=shipped.rows[:-1]))):
        assert written(other) == dump(other)
