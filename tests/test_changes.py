"""Changes: whatever is written in a folder is told, once it has settled."""

import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.changes import Changes

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has inotify")


@linux_only
def test_a_write_a_new_file_and_a_renamed_one_are_told(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    with closing(Changes()) as changes:
        assert changes.live
        assert changes.follow([str(one), str(two), str(one)]) == 0
        assert changes.wait(0) == set()
        (one / "a").write_text("x")
        assert changes.wait(5) == {str(one)}
        with (one / "a").open("a") as file:
            file.write("y")
        (tmp_path / "b").write_text("z")
        (tmp_path / "b").rename(two / "b")
        assert changes.wait(5) == {str(one), str(two)}
        assert changes.wait(0) == set()


@linux_only
def test_it_waits_no_longer_than_told_and_no_longer_than_needed(tmp_path: Path):
    with closing(Changes()) as changes:
        changes.follow([str(tmp_path)])
        began = time.monotonic()
        assert changes.wait(0.05) == set()
        assert time.monotonic() - began < 2
        writer = threading.Timer(0.05, lambda: (tmp_path / "a").write_text("x"))
        writer.start()
        assert changes.wait(30) == {str(tmp_path)}
        assert time.monotonic() - began < 10
        writer.join()


@linux_only
def test_a_folder_that_is_not_there_is_counted(tmp_path: Path):
    with closing(Changes()) as changes:
        assert changes.follow([str(tmp_path / "absent")]) == 1


def test_where_nobody_tells_one_has_to_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sys, "platform", "darwin")
    with closing(Changes()) as changes:
        assert not changes.live
        assert changes.follow([str(tmp_path)]) == 0
        assert changes.wait(0.01) is None
