"""Names from folders: what people call the project that a tool worked in."""

from urllib.parse import unquote, urlsplit


def project_name(folder: str | None) -> str | None:
    """The last component of a working folder, given as a path of any system or as a `file:` address."""
    if not folder:
        return None
    if folder.startswith(("file:", "vscode-remote:")):
        folder = unquote(urlsplit(folder).path)
    return folder.replace("\\", "/").rstrip("/").rpartition("/")[2] or None
