"""SQLite fixtures of logs: each is made of the text beside it, which is what people read."""

import sqlite3
from contextlib import closing
from pathlib import Path


def is_made_of_its_text(database: Path) -> bool:
    """Whether a database holds what the file of the same name that ends in `.sql` says."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as held,
        closing(sqlite3.connect(":memory:")) as made,
    ):
        made.executescript(database.with_suffix(".sql").read_text(encoding="utf-8"))
        return list(held.iterdump()) == list(made.iterdump())


def made(database: Path, script: str) -> Path:
    """A database of a script."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)
        connection.commit()
    return database
