"""The program starts the status line at once and everything else as before."""

import io
import json
import os
import subprocess
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


def run(*arguments: str, home: Path, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    """The program in a process of its own, which a replay ends itself; says which modules it took."""
    program = (
        "import os, sys; from spanledger.cli import start; end = os._exit;"
        "heavy = lambda: sorted({'typer', 'duckdb'} & set(sys.modules));"
        "os._exit = lambda code: (print(heavy(), end='', file=sys.stderr, flush=True), end(code));"
        "start.main()"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, cwd=home, text=True, stdout=stdout,
        stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--data", "DATA"], ["--json"], ["--data", "DATA", "--json"]])
def test_a_replay_with_nothing_new_takes_neither_the_command_line_nor_the_ledger(
    options: list[str], tmp_path: Path
) -> None:
    done = run("replay", *(option.replace("DATA", str(tmp_path / "data")) for option in options), home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "[]")
    if "--json" in options:
        assert json.loads(done.stdout)["sources"] == {}
    else:
        assert done.stdout == "No logs were found: `spanledger doctor` says where was looked.\n"


def test_the_program_alone_says_what_to_do_where_there_are_no_logs(tmp_path: Path) -> None:
    done = run(home=tmp_path)
    assert done.returncode == 0
    assert "name your logs: `spanledger replay PATH`." in done.stdout


def test_a_replay_that_fails_says_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("replay", "--data", str(tmp_path / "file"), home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("see that the folder can be written to.\n[]")


def test_a_replay_whose_word_nobody_reads_ends_quietly(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run("replay", home=tmp_path, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "[]")


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
