"""`spanledger statusline`: one line, quickly, whatever Claude Code says and whatever the ledger is like."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.cli.statusline import (
    ASKED_FILE,
    FIGURES_FILE,
    FRESH_S,
    SAMPLE_S,
    SAMPLES_BYTES_MAX,
    SAMPLES_FILE,
    ask_again,
    keep_samples,
    limits,
    line,
    read,
)

NOW_S = 1_795_000_000.0
SAID: dict[str, Any] = {
    "session_id": "s-1",
    "model": {"id": "claude-opus-4-1-20250805", "display_name": "Opus 4.1"},
    "cost": {"total_cost_usd": 0.0892},
    "context_window": {"total_input_tokens": 85_000, "context_window_size": 200_000},
}
PLAN = SAID | {
    "rate_limits": {
        "five_hour": {"used_percentage": 23.5, "resets_at": 1_795_010_000},
        "seven_day": {"used_percentage": 81, "resets_at": 1_795_500_000},
    }
}
FIGURES = {
    "today_usd": 12.3, "today_ends_s": NOW_S + 60,
    "block": {"ends_s": NOW_S + 7_980, "cost_usd": 3.21, "cost_per_hour_usd": 1.5, "tokens_per_minute": 4000},
}  # fmt: skip
SHARED = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "logs" / "claude-code" / "statusline-stdin"
CPU_S_MAX = 0.15
"""Of the processor; a wall clock would measure who else is at work."""


def test_it_says_model_session_today_block_and_context() -> None:
    assert line(SAID, FIGURES, NOW_S, colour=False) == (
        "Opus 4.1 | $0.09 session | $12.30 today | block $3.21, 2h 13m left, $1.50/h | context 42%"
    )


def test_a_plan_is_shown_with_its_windows_and_its_amounts_are_marked() -> None:
    assert line(PLAN, FIGURES, NOW_S, colour=False) == (
        "Opus 4.1 | ≈$0.09 session | ≈$12.30 today | block ≈$3.21, 2h 13m left, ≈$1.50/h | context 42% | 5h 24% 7d 81%"
    )


def test_colours_warn_of_what_fills_up() -> None:
    shown = line(PLAN, {}, NOW_S, colour=True)
    assert "context \x1b[32m42%\x1b[0m" in shown
    assert "7d \x1b[31m81%\x1b[0m" in shown
    assert "\x1b[33m55%\x1b[0m" in line({"context_window": {"used_percentage": 55}}, {}, NOW_S, colour=True)


def test_figures_that_are_over_are_not_shown() -> None:
    assert line(SAID, FIGURES, NOW_S + 100_000, colour=False) == "Opus 4.1 | $0.09 session | context 42%"


def test_a_block_without_prices_still_says_how_long_it_lasts() -> None:
    figures = {"block": {"ends_s": NOW_S + 60, "cost_usd": None}}
    assert line({}, figures, NOW_S, colour=False) == "Claude | block 0h 01m left"


@pytest.mark.parametrize("text", [b"", b"no json", b"[]", b"null", b"\xff\xfe", b'{"model": {"display_name": "\xff"}}'])
def test_what_is_no_json_object_is_still_a_line(text: bytes) -> None:
    assert line(read(text), {}, NOW_S, colour=False) == "Claude"


def test_names_cannot_write_to_the_terminal() -> None:
    said = {"model": {"display_name": "\x1b[2JOpus\n"}, "rate_limits": {"a\nb": {"used_percentage": 1}}}
    assert line(said, {}, NOW_S, colour=False) == "[2JOpus | ab 1%"


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)  # fmt: skip


@given(st.fixed_dictionaries(dict.fromkeys(("model", "cost", "context_window", "rate_limits"), JSON)), JSON)
def test_whatever_is_said_it_is_one_line(said: dict[str, Any], figures: Any) -> None:
    known = (
        figures if isinstance(figures, dict) else {"block": figures, "today_usd": figures, "today_ends_s": NOW_S + 1}
    )
    assert "\n" not in line(said, known, NOW_S, colour=True)


@given(st.dictionaries(st.sampled_from(["five_hour", "seven_day", "x"]), JSON))
def test_limits_are_read_whatever_they_look_like(windows: dict[str, Any]) -> None:
    assert all(isinstance(limit.used_percent, float) for limit in limits({"rate_limits": windows}))


def kept(folder: Path) -> list[tuple[Any, Any]]:
    path = folder / SAMPLES_FILE
    lines = path.read_text().splitlines() if path.exists() else []
    return [(sample["window"], sample["used_percent"]) for sample in map(json.loads, lines)]


def test_windows_are_written_down_when_they_change_and_now_and_then(tmp_path: Path) -> None:
    both = [("five_hour", 23.5), ("seven_day", 81.0)]
    keep_samples(tmp_path, PLAN, NOW_S)
    keep_samples(tmp_path, PLAN, NOW_S + 1)
    assert kept(tmp_path) == both
    more = PLAN | {"rate_limits": PLAN["rate_limits"] | {"five_hour": {"used_percentage": 24, "resets_at": 1}}}
    keep_samples(tmp_path, more, NOW_S + 2)
    assert kept(tmp_path) == [*both, ("five_hour", 24.0)]
    keep_samples(tmp_path, more, NOW_S + SAMPLE_S + 3)
    assert kept(tmp_path) == [*both, ("five_hour", 24.0), ("five_hour", 24.0), ("seven_day", 81.0)]


def test_without_a_plan_nothing_is_written_down(tmp_path: Path) -> None:
    keep_samples(tmp_path, SAID, NOW_S)
    assert list(tmp_path.iterdir()) == []


def test_a_big_file_of_samples_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / SAMPLES_FILE).write_bytes(b"x" * (SAMPLES_BYTES_MAX + 1))
    keep_samples(tmp_path, PLAN, NOW_S)
    assert len(kept(tmp_path)) == 2
    assert (tmp_path / "statusline.old.jsonl").stat().st_size > SAMPLES_BYTES_MAX


def test_the_ledger_is_asked_again_only_after_a_while(tmp_path: Path) -> None:
    asked: list[float] = []
    for after_s in (0.0, 1.0, FRESH_S - 1, FRESH_S + 1):
        ask_again(tmp_path, NOW_S + after_s, lambda after_s=after_s: asked.append(after_s))  # type: ignore[misc]
        os.utime(tmp_path / ASKED_FILE, (NOW_S, NOW_S))
    assert asked == [0.0, FRESH_S + 1]


def run(data: Path, text: bytes, module: str = "spanledger.cli.start") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"SPANLEDGER_DATA": str(data), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", module, "statusline"], input=text, env=environment, capture_output=True, check=False,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("module", ["spanledger.cli.start", "spanledger.cli.main"])
def test_the_command_prints_one_line_and_never_fails(tmp_path: Path, module: str) -> None:
    for folder, text, shown in (
        (tmp_path / "absent", json.dumps(SAID).encode(), "Opus 4.1 | $0.09 session | context 42%\n"),
        (tmp_path / "absent", b"{", "Claude\n"),
    ):
        done = run(folder, text, module)
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, shown, b"")
        assert not folder.exists()


def test_a_folder_that_cannot_be_written_to_keeps_nothing_back(tmp_path: Path) -> None:
    (tmp_path / ASKED_FILE).mkdir()
    (tmp_path / SAMPLES_FILE).mkdir()
    (tmp_path / FIGURES_FILE).mkdir()
    done = run(tmp_path, json.dumps(PLAN).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith("Opus 4.1")


def test_it_takes_little_of_the_processor_and_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / ASKED_FILE).touch()
    (tmp_path / FIGURES_FILE).write_text(json.dumps(FIGURES))
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(tmp_path, json.dumps(PLAN).encode())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < CPU_S_MAX
    script = "import sys; from spanledger.cli import start, statusline; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"typer", "duckdb", "pyarrow", "pydantic", "rich", "subprocess", "http.client"} & set(loaded)


def test_what_claude_code_says_in_earlier_versions_is_understood() -> None:
    if not SHARED.is_dir():
        pytest.skip("there are no recorded inputs at shared/fixtures/logs/claude-code/statusline-stdin beside this")
    shown = {path.stem: line(read(path.read_bytes()), {}, NOW_S, colour=False) for path in SHARED.glob("*.json")}
    assert shown == {
        "statusline-test": "Sonnet 4 | $0.06 session | context 21%",
        "statusline-test-sonnet4": "Sonnet 4 | $0.02 session | context 18%",
        "statusline-test-sonnet41": "Sonnet 4.1 | $0.04 session | context 26%",
        "statusline-test-opus4": "Opus 4.1 | $0.09 session | context 42%",
    }
