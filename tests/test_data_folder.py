"""The quick way to the data folder leads where the settings lead."""

from pathlib import Path

import pytest

from spanledger.cli import settings
from spanledger.cli.data_folder import CONFIG_FILE, CONFIG_VARIABLE, VARIABLE, data_folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)


def test_it_names_its_variables_and_files_as_the_settings_do() -> None:
    assert (f"{settings.PREFIX}DATA", settings.CONFIG_VARIABLE, settings.CONFIG_FILE) == (
        VARIABLE, CONFIG_VARIABLE, CONFIG_FILE,
    )  # fmt: skip


def test_without_anything_said_it_is_the_users_data_folder() -> None:
    assert data_folder() == settings.load().data


@pytest.mark.parametrize("named", ["/somewhere/else", "~/ledger", ""])
def test_the_variable_names_it(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, named)
    assert data_folder() == settings.load().data


def test_the_settings_file_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(CONFIG_FILE).write_text('data = "~/from-the-file"')
    assert data_folder() == settings.load().data == Path.home() / "from-the-file"
    other = tmp_path / "other.toml"
    other.write_text('data = "/other"')
    monkeypatch.setenv(CONFIG_VARIABLE, str(other))
    assert data_folder() == settings.load().data == Path("/other")


def test_a_settings_file_that_cannot_be_read_says_nothing() -> None:
    Path(CONFIG_FILE).write_text("data = ")
    assert data_folder().name == "spanledger"
