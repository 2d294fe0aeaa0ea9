"""The rules of the house, read from the source itself.

Who may import whom, what a stage must never touch, how a file may be named and how long it may grow; and that the
wheel holds what the source holds. CONTRIBUTING.md says why; this file only enforces.
"""

import ast
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("instrumentation", "receiver", "processors", "storage", "dashboards", "cli")

OURS_ALLOWED = {
    "instrumentation": (),
    "storage": (),
    "processors": ("spanledger.storage.schema",),
    "receiver": (),
    "dashboards": ("spanledger.storage",),
    "cli": tuple(f"spanledger.{stage}" for stage in STAGES),
}
"""Stage → what of other stages it may import."""

NETWORK = ("socket", "ssl", "urllib", "http", "requests", "httpx", "httpx2", "aiohttp", "grpc", "uvicorn")
BANNED_IMPORTS = {
    "instrumentation": ("duckdb", "pyarrow", "grpc", "fastapi", "starlette", "uvicorn"),
    "storage": ("fastapi", "starlette", "uvicorn", "grpc"),
    "processors": ("time", "duckdb", "sqlite3", "tempfile", "shutil", "io", "fastapi", "starlette", *NETWORK),
    "receiver": ("duckdb",),
    "dashboards": (),
    "cli": (),
}
"""Stage → modules of others that it must never import: what runs in a user's app stays light, a step stays pure."""

FILES = ("open", "pathlib", "os.open", "io.open")
CLOCK = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today")
CATALOGUE_LOADERS = ("processors/spanledger/processors/pricing/bundled.py",)
"""The one step that reads a file, once, at the start."""

NAMES_BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
LINES_MAX = 400
"""Past this a file holds two ideas."""
TEST_LINES_MAX = 400
"""A test file follows its source file, and a specification is read in parts."""

PRINTING_ALLOWED = ("cli/", "benchmarks/", "docs/", "tests/")
LEFTOVERS = tuple(first + rest for first, rest in (("TO", "DO"), ("FIX", "ME"), ("XX", "X")))
TEXT_FILES = {".py", ".sql", ".md", ".toml", ".sh", ".yaml", ".yml", ".json", ".js", ".html", ".css", ""}


def python_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]
    assert found, folders
    return sorted(found)


def stage_files(stage: str) -> list[Path]:
    return [path for path in (ROOT / stage).rglob("*.py") if "__pycache__" not in path.parts]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, full dotted name) of all that is imported; `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func) in {
            "importlib.import_module",
            "import_module",
            "__import__",
        }:
            name = node.args[0]
            yield node.lineno, name.value if isinstance(name, ast.Constant) else "a name only known when it runs"


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def import_faults(source: str, stage: str) -> list[str]:
    faults = []
    for line, name in imported(ast.parse(source)):
        if name.startswith("."):
            faults.append(f"{line}: {name} is relative; write spanledger.{stage}…")
        elif within(name, ("spanledger",)):
            if not within(name, (f"spanledger.{stage}", *OURS_ALLOWED[stage])):
                faults.append(f"{line}: {stage} may not import {name}")
        elif within(name, BANNED_IMPORTS[stage]):
            faults.append(f"{line}: {stage} must never import {name}")
    return faults


def impure_faults(source: str) -> list[str]:
    """Clock and files, which a step of the pipeline must not touch."""
    tree = ast.parse(source)
    faults = [f"{line}: a step reads no files, but imports {name}"
              for line, name in imported(tree) if within(name, ("pathlib",))]  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in FILES:
                faults.append(f"{node.lineno}: a step reads no files, but calls {name}")
            if name.endswith(CLOCK):
                faults.append(f"{node.lineno}: a step has no clock, but calls {name}")
    return faults


def habit_faults(source: str, *, may_print: bool) -> list[str]:
    faults = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            faults.append(f"{node.lineno}: bare except; name what can go wrong")
        if isinstance(node, ast.Call) and dotted(node.func) == "print" and not may_print:
            faults.append(f"{node.lineno}: print; only the command line prints")
    return faults


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_what_it_may(stage: str) -> None:
    faults = {relative(path): found for path in stage_files(stage) if (found := import_faults(path.read_text(), stage))}
    assert not faults


@pytest.mark.parametrize(
    ("stage", "source", "fault"),
    [
        ("processors", "import duckdb", "1: processors must never import duckdb"),
        ("processors", "from http import client", "1: processors must never import http.client"),
        (
            "processors",
            "from spanledger.storage import ledger",
            "1: processors may not import spanledger.storage.ledger",
        ),
        ("receiver", "import spanledger.processors.decode", "1: receiver may not import spanledger.processors.decode"),
        ("receiver", "def f():\n    import duckdb", "2: receiver must never import duckdb"),
        ("storage", "import grpc.aio", "1: storage must never import grpc.aio"),
        ("dashboards", "from spanledger import receiver", "1: dashboards may not import spanledger.receiver"),
        ("instrumentation", "import pyarrow as pa", "1: instrumentation must never import pyarrow"),
        ("instrumentation", "from .storage import x", "1: .storage.x is relative; write spanledger.instrumentation…"),
        ("receiver", "__import__('duckdb')", "1: receiver must never import duckdb"),
    ],
)
def test_a_forbidden_import_would_be_found(stage: str, source: str, fault: str) -> None:
    assert import_faults(source, stage) == [fault]


@pytest.mark.parametrize(
    ("stage", "source"),
    [
        ("processors", "from spanledger.storage.schema import CALLS"),
        ("processors", "from spanledger.storage import schema"),
        ("dashboards", "from spanledger.storage.ledger import Ledger"),
        ("cli", "from spanledger.receiver import contract"),
        ("instrumentation", "from opentelemetry.exporter.otlp.proto.grpc import trace_exporter"),
    ],
)
def test_an_allowed_import_is_no_fault(stage: str, source: str) -> None:
    assert import_faults(source, stage) == []


def test_steps_of_the_pipeline_have_no_clock_and_no_files() -> None:
    paths = [path for path in stage_files("processors") if relative(path) not in CATALOGUE_LOADERS]
    faults = {relative(path): found for path in paths if (found := impure_faults(path.read_text()))}
    assert not faults


@pytest.mark.parametrize("source", ["open('x')", "from pathlib import Path", "import time\ntime.time()",
                                    "from datetime import datetime\ndatetime.now()"])  # fmt: skip
def test_an_impure_step_would_be_found(source: str) -> None:
    assert len(impure_faults(source)) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_portion_of_the_namespace_and_typed(stage: str) -> None:
    assert (ROOT / stage / "spanledger" / stage).is_dir()
    hidden = f"{stage}/spanledger/__init__.py would hide all other stages"
    assert not (ROOT / stage / "spanledger" / "__init__.py").exists(), hidden
    assert (ROOT / stage / "spanledger" / stage / "py.typed").is_file()


def test_pyproject_names_the_same_stages_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tool, hatch = project["tool"], project["tool"]["hatch"]["build"]
    stages = set(STAGES)
    assert set(hatch["dev-mode-dirs"]) == stages
    assert set(hatch["targets"]["wheel"]["packages"]) == {f"{stage}/spanledger" for stage in STAGES}
    assert {f"/{stage}" for stage in STAGES} <= set(hatch["targets"]["sdist"]["include"])
    assert set(tool["mypy"]["mypy_path"]) == set(tool["mypy"]["files"]) == stages
    assert set(tool["pyright"]["include"]) == set(tool["pyright"]["extraPaths"]) == stages
    assert stages <= set(tool["ruff"]["src"])


def too_long(paths: list[Path], lines_max: int) -> dict[str, int]:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in paths}
    return {name: lines for name, lines in lengths.items() if lines > lines_max}


def test_a_file_fits_in_the_head() -> None:
    assert too_long(python_files(*STAGES, "docs"), LINES_MAX) == {}
    assert too_long(python_files("tests"), TEST_LINES_MAX) == {}


def test_modules_are_named_after_their_idea() -> None:
    paths = [path for stage in STAGES for path in (ROOT / stage).rglob("*") if "__pycache__" not in path.parts]
    assert [relative(path) for path in paths if path.stem in NAMES_BANNED] == []


def test_only_the_command_line_prints_and_no_exception_is_caught_unnamed() -> None:
    faults = {}
    for path in python_files(*STAGES, "tests"):
        may_print = relative(path).startswith(PRINTING_ALLOWED) or path.name == "__main__.py"
        if found := habit_faults(path.read_text(), may_print=may_print):
            faults[relative(path)] = found
    assert not faults


def test_a_bad_habit_would_be_found() -> None:
    source = "try:\n    print(1)\nexcept:\n    pass"
    assert sorted(habit_faults(source, may_print=False), reverse=True) == [
        "3: bare except; name what can go wrong",
        "2: print; only the command line prints",
    ]


def test_nothing_is_left_for_later() -> None:
    listed = [ROOT / name for name in ("Makefile", "README.md", "CONTRIBUTING.md", "pyproject.toml", ".ci/run")]
    folders = [ROOT / name for name in (*STAGES, "tests", "benchmarks", "docs", "deploy") if (ROOT / name).is_dir()]
    listed += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    left = []
    for path in listed:
        if path.suffix in TEXT_FILES and "__pycache__" not in path.parts:
            lines = enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
            left += [f"{relative(path)}:{number}" for number, line in lines if any(mark in line for mark in LEFTOVERS)]
    assert left == []


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the wheel holds, built as a release is."""
    uv = ROOT / ".cache" / "tools" / "bin" / "uv"
    found = str(uv) if uv.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is neither in .cache/tools nor on the PATH (make installs it), so no wheel is built")
    out = tmp_path_factory.mktemp("wheel")
    command = [found, "build", "--quiet", "--wheel", "--out-dir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_every_stage(wheel_names: set[str]) -> None:
    for stage in STAGES:
        folder = ROOT / stage
        held = {path.relative_to(folder).as_posix() for path in folder.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
        assert held - wheel_names == set(), stage
        assert f"spanledger/{stage}/py.typed" in wheel_names


def test_the_wheel_holds_nothing_else(wheel_names: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel_names if ".dist-info/" not in name} == {"spanledger"}
    assert "spanledger/__init__.py" not in wheel_names
