"""The documents cannot lie: what they must name is read from the program, what they show is run."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
import typer
import typer.core
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanledger.cli import settings
from spanledger.cli.main import app
from spanledger.cli.wiring import wire
from spanledger.instrumentation.demo.month import Story, play
from spanledger.processors.pricing.price import STATUSES
from spanledger.receiver.contract import Request, Stored
from spanledger.storage import gate, schema
from spanledger.storage.ledger import Ledger
from tests.otlp_metrics import CLAUDE, counter, metric_body, number

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md", "CONTRIBUTING.md", "docs/configuration.md", "docs/dialects.md", "docs/doors.md", "docs/prices.md",
    "docs/reconcile.md", "docs/replay.md", "docs/report.md", "docs/sql.md", "docs/troubleshooting.md",
)  # fmt: skip
"""Pages for users and contributors; ARCHITECTURE.md is about reasons."""


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


EVERYTHING = "\n".join(page(name) for name in PAGES)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(group: typer.core.TyperGroup, *above: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """(what is typed after `spanledger`, command) of every command."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


PROGRAM = typer.main.get_command(app)
assert isinstance(PROGRAM, typer.core.TyperGroup)
COMMANDS = dict(commands(PROGRAM))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"\bspanledger {name}\b", EVERYTHING), f"no page shows `spanledger {name}`"


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_option_is_documented(name: str) -> None:
    command = COMMANDS[name] if name else PROGRAM
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    assert options
    missing = [option for option in options if not re.search(rf"{option}(?![\w-])", EVERYTHING)]
    assert not missing, f"no page names these options of `spanledger {name}`"


def test_every_documented_command_exists() -> None:
    known = {name.split()[0] for name in COMMANDS}
    shown = set(re.findall(r"(?:^|`|\$ )spanledger ([a-z]+)", EVERYTHING, re.MULTILINE))
    assert shown - known == set()


@pytest.mark.parametrize("name", settings.Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    configuration = page("docs/configuration.md")
    for written in (f"`--{name.replace('_', '-')}`", f"`{settings.PREFIX}{name.upper()}`", f"`{name}`"):
        assert written in configuration


@pytest.mark.parametrize("status", STATUSES)
def test_every_price_status_is_explained(status: str) -> None:
    assert f"`{status}`" in page("docs/troubleshooting.md")


def test_paths_in_the_contributing_page_exist() -> None:
    paths = re.findall(r"`([a-z_]+/[a-z_/]+\.?[a-z]*)`", page("CONTRIBUTING.md"))
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_columns_of_calls_all_have_a_meaning(generate: ModuleType) -> None:
    assert set(generate.MEANINGS) == {*schema.COLUMNS, *schema.DERIVED}
    assert [name for members in generate.GROUPS.values() for name in members] == [*schema.COLUMNS, *schema.DERIVED]


def test_the_generated_parts_are_up_to_date(generate: ModuleType) -> None:
    for name, (file_name, write) in generate.PARTS.items():
        current = page(f"docs/{file_name}")
        assert generate.with_part(current, name, write()) == current, "run `make docs`"


CHAT = KeyValue(key="gen_ai.operation.name", value=AnyValue(string_value="chat"))
NO_IDS = ExportTraceServiceRequest(
    resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(name="chat m", attributes=[CHAT])])])]
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger with three working days of the demo, and one span that was refused."""
    opened = Ledger.open(tmp_path_factory.mktemp("ledger"))
    prepare, store = wire(opened)
    for day in play(Story(datetime(2026, 11, 20, 23, tzinfo=UTC), days=3, calls_per_day=100)):
        request = Request(encode_spans(day.spans).SerializeToString(), "default")
        assert list(store(prepare([request]))) == [Stored()]
    (answer,) = store(prepare([Request(metric_body(counter(CLAUDE, number(1, {}))), "default", signal="metrics")]))
    assert answer == Stored()
    (answer,) = store(prepare([Request(NO_IDS.SerializeToString(), "default")]))
    assert isinstance(answer, Stored)
    assert answer.rejected == 1
    yield opened
    opened.close()


def test_the_types_of_the_columns_are_those_of_the_ledger(generate: ModuleType, ledger: Ledger) -> None:
    with ledger.reader() as reader:
        rows = reader.query("describe calls").to_pylist()
    held = {row["column_name"]: row["column_type"].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in rows}
    assert held == {name: generate.sql_type(name, kind) for name, kind in (schema.COLUMNS | schema.DERIVED).items()}


def test_the_columns_of_usage_points_all_have_a_meaning(ledger: Ledger) -> None:
    with ledger.reader() as reader:
        columns = reader.query("select * from usage_points limit 0").column_names
    own = [name for name in columns if name not in schema.COLUMNS or name in schema.POINT_FACTS]
    assert [name for name in own if f"`{name}`" not in page("docs/reconcile.md")] == []


QUESTIONS = re.findall(r"```sql\n(.*?)```", EVERYTHING, re.DOTALL)
QUESTIONS += re.findall(r'spanledger sql (?:--\w+ )?"(SELECT[^"]+)"', EVERYTHING)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_in_the_documents_is_answered(question: str, ledger: Ledger) -> None:
    gate.admit(question)
    with ledger.reader() as reader:
        assert reader.query(question).num_rows > 0


def test_links_between_the_documents_lead_somewhere() -> None:
    for name in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page(name)):
            if not target.startswith("http"):
                assert (ROOT / name).parent.joinpath(target).exists(), f"{name} links to {target}"


def test_error_sentences_in_the_troubleshooting_page_are_those_of_the_program() -> None:
    """Each sentence on the page is quoted with … for what varies; the rest must stand in the source as it is."""
    sources = {path: strings_of(path) for stage in ("cli", "receiver", "storage")
               for path in (ROOT / stage).rglob("*.py")}  # fmt: skip
    spoken = " ".join(text for texts in sources.values() for text in texts)
    for sentence in re.findall(r"^> (.+)$", page("docs/troubleshooting.md"), re.MULTILINE):
        for part in filter(None, (part.strip(" .") for part in sentence.split("…"))):
            assert part in spoken, f"nothing says {part!r}"


def strings_of(path: Path) -> list[str]:
    """The string constants of a source file; the constant parts of an f-string are joined by nothing."""
    tree = ast.parse(path.read_text())
    return [
        str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
