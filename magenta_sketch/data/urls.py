"""URLs of data sets: recognise them, add file names, and show them without secrets."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, urlsplit, urlunsplit

from magenta_sketch.errors import DataError


def is_url(data_dir: str | os.PathLike[str]) -> bool:
    """Return whether data_dir is an http or https URL.

    Raises:
      DataError: it is a URL of another kind.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", str(data_dir))
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise DataError(f"{shown_url(str(data_dir))}: data_dir must be a folder or an http(s) URL")
    return scheme is not None


def join_url(base: str, name: str) -> str:
    """Return the URL of the file `name` in the folder `base`, with the query string of `base`.

    Raises:
      DataError: name is not a file inside the folder, or base is not a valid URL with a host.
    """
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\\" in name or not name.isprintable():
        raise DataError(f"{name!r}: not the name of a file inside {shown_url(base)}")
    try:
        url = urlsplit(base)
        base.encode("utf-8")
    except ValueError:  # the error's text may contain the password
        raise DataError(
            f"{shown_url(base)}: data_dir is not a valid URL; expected http(s)://host/folder"
        ) from None
    if not url.netloc:
        raise DataError(f"{shown_url(base)}: data_dir is a URL without a host")
    path = f"{url.path.rstrip('/')}/{quote(name)}"
    return urlunsplit((url.scheme, url.netloc, path, url.query, ""))


def shown_url(url: str) -> str:
    """Return the URL for messages, without password and query, which may hold secrets."""
    try:
        split = urlsplit(url)
    except ValueError:
        # Here it is unknown where a password begins and ends.
        return f"{url.partition('://')[0]}://..." if "@" in url else re.split(r"[?#]", url)[0]
    return urlunsplit((split.scheme, split.netloc.rpartition("@")[2], split.path, "", ""))
