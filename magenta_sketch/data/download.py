"""Download data set files into a cache, with limits and checks, atomically."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz import read_npz
from magenta_sketch.data.progress import progress_bar
from magenta_sketch.data.urls import shown_url
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing

if TYPE_CHECKING:
    from tqdm import tqdm

CACHE_VARIABLE = "MAGENTA_SKETCH_CACHE"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of one download.

    Attributes:
      max_bytes: size of the file, whatever the server declares.
      connect_seconds: time to reach the server.
      read_seconds: time between two pieces of data.
      total_seconds: time for the whole download, with redirections.
    """

    max_bytes: int = 512 << 20
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 900.0


def cache_dir() -> Path:
    """Return the folder for downloads: $MAGENTA_SKETCH_CACHE, or the user's cache folder."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.path.expanduser(os.environ[CACHE_VARIABLE]))
    import platformdirs

    return platformdirs.user_cache_path("magenta_sketch", appauthor=False)


def fetch(url: str, *, report: Callable[[str], None], limits: Limits | None = None) -> Path:
    """Return the cached file of a URL. Download it the first time.

    The file enters the cache only when it is complete and was read as a data set. Each URL has its
    own folder.

    Raises:
      DataError: the server cannot be reached or answers with an error, a limit is exceeded, the
        file is not a readable data set, or the cache cannot be written. Nothing is left in
        the cache then.
    """
    limits = Limits() if limits is None else limits
    shown = shown_url(url)
    key = hashlib.sha256(url.encode("utf-8")).hexdigest()[:20]
    name = re.sub(r"[^\w. -]", "_", Path(urlsplit(url).path).name) or "data.npz"
    path = cache_dir() / "downloads" / key / name
    if path.is_file():
        return path
    report(f"fetching {shown}")
    advice = f"make room or set {CACHE_VARIABLE} to another folder"
    try:
        with writing(path, advice):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                size = _receive_in_time(url, file, limits)
                file.flush()
                _check(Path(file.name), shown)
    finally:
        with contextlib.suppress(OSError):  # fails if the file is there
            path.parent.rmdir()
    report(f"fetched {size / 1e6:.1f} MB into {path.parent}")
    return path


def _check(file: Path, shown: str) -> None:
    try:
        read_npz(file, label=shown)
    except DataError as error:
        raise DataError(f"{error}; this URL does not give a readable data set") from None


def _receive_in_time(url: str, file: BinaryIO, limits: Limits) -> int:
    """Receive url into file within limits.total_seconds. Return the number of bytes.

    A server that sends a byte now and then never causes a read time-out. So a thread receives the
    data. When the time is over, the file is closed, and the thread ends at its next write.
    """
    result: list[int | BaseException] = []

    def receive() -> None:
        try:
            result.append(_receive(url, file, limits, bar))
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=receive, daemon=True, name="magenta_sketch download")
    name = Path(urlsplit(url).path).name
    # Closed here, because the thread may still be waiting.
    with progress_bar(name, None, unit="B", unit_scale=True) as bar:
        thread.start()
        thread.join(limits.total_seconds)
    if not result:
        raise _failure(url, f"not finished after {limits.total_seconds:g} seconds")
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def _receive(url: str, file: BinaryIO, limits: Limits, bar: tqdm) -> int:
    import requests

    timeout = (limits.connect_seconds, limits.read_seconds)
    # An .npz is compressed already. Without a second encoding, lengths can be compared.
    headers = {"Accept-Encoding": "identity"}
    try:
        with requests.get(url, stream=True, timeout=timeout, headers=headers) as response:
            if response.status_code != 200:
                raise _failure(url, f"HTTP {response.status_code} {response.reason or ''}".strip())
            length = response.headers.get("Content-Length", "")
            declared = int(length) if length.isdecimal() else None
            if declared is not None and declared > limits.max_bytes:
                raise _failure(url, _too_large(limits))
            bar.total = declared
            bar.refresh()
            size = 0
            for chunk in response.iter_content(1 << 16):
                size += len(chunk)
                if size > limits.max_bytes:
                    raise _failure(url, _too_large(limits))
                file.write(chunk)
                bar.update(len(chunk))
    except requests.exceptions.ConnectTimeout:
        raise _failure(url, f"no connection in {limits.connect_seconds:g} seconds") from None
    except requests.exceptions.Timeout:
        raise _failure(url, f"nothing received for {limits.read_seconds:g} seconds") from None
    except DataError:
        raise
    except requests.exceptions.InvalidURL:  # the error's text may contain the password
        raise _failure(url, "not a valid URL") from None
    # urllib3 and idna raise ValueError for impossible host names.
    except (requests.exceptions.RequestException, ValueError) as error:
        raise _failure(url, _root_reason(error)) from None
    if declared is not None and size < declared and "Content-Encoding" not in response.headers:
        raise _failure(url, f"broke off after {size} of {declared} bytes")
    return size


def _failure(url: str, reason: str) -> DataError:
    return DataError(
        f"{shown_url(url)}: cannot be fetched: {reason}; check the URL and the network, or put the "
        "file into a folder and give that as data_dir"
    )


def _too_large(limits: Limits) -> str:
    return f"larger than the limit of {limits.max_bytes:,} bytes"


def _root_reason(error: BaseException) -> str:
    """Return the innermost reason as one short line: requests nests its errors."""
    kind, text = type(error).__name__, str(error)
    if "IncompleteRead" in text:
        return "the connection broke off before the end"
    if "Read timed out" in text:
        return "nothing received in time"
    reason = re.findall(r"\[Errno [^]]*\] ([^'\")]+)", text)
    text = " ".join((reason[-1] if reason else text).split())
    return f"{kind}: {text[:120]}"
