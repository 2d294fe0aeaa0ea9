"""The program starts the status line at once and everything else as before."""

import io
import json
import sys
from pathlib import Path

import pytest

from spanledger.cli import start
from spanledger.cli.statusline import FIGURES_FILE


class _Stdin:
    buffer = io.BytesIO(b'{"model": {"display_name": "Opus"}}')


@pytest.mark.parametrize("named", [True, False])
def test_the_status_line_is_written_of_the_folder_that_is_named(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FIGURES_FILE).write_text(json.dumps({"today_usd": 2, "today_ends_s": 9e9}))
    _Stdin.buffer.seek(0)
    monkeypatch.setattr(sys, "stdin", _Stdin)
    monkeypatch.setattr("spanledger.cli.statusline.ask_again", lambda *_: None)
    monkeypatch.setenv("SPANLEDGER_DATA", str(tmp_path / "other" if named else tmp_path))
    monkeypatch.setattr(sys, "argv", ["spanledger", "statusline", *(["--data", str(tmp_path)] if named else [])])
    start.main()
    assert capsys.readouterr().out == "Opus | $2.00 today\n"


def test_other_commands_are_those_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["spanledger", "--version"])
    with pytest.raises(SystemExit) as left:
        start.main()
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("spanledger ")
    monkeypatch.setattr(sys, "argv", ["spanledger", "statusline", "--nope"])
    with pytest.raises(SystemExit) as left:
        start.main()
    assert left.value.code == 2
