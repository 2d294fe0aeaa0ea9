"""What every test may ask for: a real server on a folder of its own, and answers from its ledger."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# `tests` and `benchmarks` are folders of the repository, not installed packages.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.server import Server
from tests.asking import ask
from tests.running import Done


@pytest.fixture(autouse=True)
def no_logs_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What lies in /var/log and its like is no test's."""
    monkeypatch.setenv("SPANLEDGER_ROOT", str(tmp_path_factory.getbasetemp() / "no-root"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `spanledger` with these arguments, in this process."""
    from spanledger.cli.main import main

    monkeypatch.delenv("SPANLEDGER_API_KEY", raising=False)

    def command(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["spanledger", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        return Done(code, *capsys.readouterr())

    return command


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """`spanledger up` as a real process on free ports of loopback; at the end it must go on SIGTERM with exit 0."""
    with Server(tmp_path / "ledger") as running:
        yield running


@pytest.fixture
def sql(server: Server) -> Callable[[str], list[dict[str, Any]]]:
    """Ask the running server's ledger with `spanledger sql --json`; decimals come as text."""
    return lambda statement: ask(server.data, statement)
