"""Projects are named after the last part of a folder, however it is written."""

import pytest

from spanledger.instrumentation.replay.folders import project_name


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/home/dev/shop", "shop"),
        ("/home/dev/shop/", "shop"),
        (r"C:\Users\dev\shop", "shop"),
        ("file:///home/dev/my%20shop", "my shop"),
        ("vscode-remote://ssh-remote%2Bbox/home/dev/shop", "shop"),
        ("shop", "shop"),
        ("/", None),
        ("", None),
        (None, None),
    ],
)
def test_the_last_part_is_the_name(folder: str | None, name: str | None) -> None:
    assert project_name(folder) == name
