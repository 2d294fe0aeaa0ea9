"""What a replay did, for people and for programs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from spanledger.cli.replay_to import Destination
from spanledger.cli.say import say
from spanledger.instrumentation.replay.registry import NAMED
from spanledger.instrumentation.replay.run import EXAMPLES_MAX, Summary
from spanledger.instrumentation.replay.walking import Search

if TYPE_CHECKING:
    from rich.console import Console

KINDS: Final = (("Call", "calls"), ("Tool", "tools"), ("Agent", "agents"), ("Prompt", "prompts"),
                ("Quota", "quotas"), ("Bucket", "sums"))  # fmt: skip

SHOWN: Final = frozenset({"Call", "Tool", "Prompt"})
SHOWN_IF_ANY: Final = frozenset({"Quota", "Bucket"})
"""What few tools tell of."""


@contextmanager
def progress_bar(summary: Summary, *, quiet: bool) -> Iterator[Callable[[Summary], None]]:
    """A bar on stderr while logs are read; none where stderr is no terminal."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda so_far: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Reading"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[calls]:,} calls"),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("logs", total=summary.total_size, calls=0)
        yield lambda so_far: progress.update(task, completed=so_far.size, calls=so_far.count("Call"))


def described(summary: Summary, search: Search, to: Destination, deleted: Sequence[str] = ()) -> dict[str, object]:
    """A replay as JSON."""
    return {
        "destination": to.endpoint or str(to.folder),
        "sources": {
            name: {"files": of.files, "new": of.new} | {said: of.records[kind] for kind, said in KINDS}
            for name, of in summary.sources.items()
        },
        "bytes": summary.size,
        "rejected": summary.rejected,
        "skipped": [
            {
                "reason": reason,
                "times": sum(files.values()),
                "files": [file for file, _ in files.most_common(EXAMPLES_MAX)],
            }
            for reason, files in skipped(summary, search).items()
        ],
        "deleted": list(deleted),
    }


def skipped(summary: Summary, search: Search) -> dict[str, Counter[str]]:
    """What was left out while searching and while reading: reason → file → how often."""
    found = {reason: Counter({search.examples[reason]: times}) for reason, times in search.skipped.items()}
    return found | summary.skipped


def show(summary: Summary, search: Search, to: Destination, deleted: Sequence[str] = ()) -> None:
    """Print what a replay did, and what it left out and why."""
    if not summary.sources:
        say("No logs were found: `spanledger doctor` says where was looked.")
    elif not any(of.new for of in summary.sources.values()):
        number = sum(of.files for of in summary.sources.values())
        say(f"Nothing new in {_many(number, 'file')} of {_many(len(summary.sources), 'tool')}.")
    else:
        from rich.console import Console

        table(summary, Console())
        say(f"Into {to.describe()}.")
    if summary.rejected:
        say(f"{summary.rejected:,} records were not taken: `spanledger report` shows what was.")
    if deleted:
        say(f"Deleted {_many(len(deleted), 'file')} that were read to their ends.")
    for reason, files in skipped(summary, search).items():
        first = next(iter(files))
        others = f" and {len(files) - 1} more" if len(files) > 1 else ""
        say(f"Skipped: {reason}, {sum(files.values()):,} × in {first}{others}.")


def table(summary: Summary, console: "Console") -> None:
    """What was found of each tool."""
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    shown.add_column("tool")
    shown_kinds = SHOWN | {kind for kind in SHOWN_IF_ANY if summary.count(kind)}
    kinds = [(kind, said) for kind, said in KINDS if kind in shown_kinds]
    for title in ("files", "new", *(said for _, said in kinds)):
        shown.add_column(title, justify="right")
    for name, of in summary.sources.items():
        title = NAMED[name].title if name in NAMED else name
        counts = (of.files, of.new, *(of.records[kind] for kind, _ in kinds))
        shown.add_row(title, *(f"{number:,}" for number in counts))
    console.print(shown)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
