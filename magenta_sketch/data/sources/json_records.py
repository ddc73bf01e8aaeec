"""Records in files of any size: JSON lines, one JSON array, indented JSON, or CSV.

Files are read in parts, gzip and the text's encoding are recognised by the content. Lines may end
in LF, CR LF or CR.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from magenta_sketch.errors import DataError

LONGEST_LINE = 4 << 20  # bytes; 20 seconds of drawing, as in QuickDraw's game, take about 20,000

_GZIP = b"\x1f\x8b"
_EVERY = 128  # records between reports of progress
_HEAD = 1 << 16  # bytes that decide about encoding and form
_BUFFER = 1 << 18
_BLANK = b" \t\r\n"


class Bad(NamedTuple):
    """What is there in place of a record: a reason, and details."""

    reason: str
    detail: str = ""


Numbered = tuple[
    int, Any
]  # its line or number in the file, from 1; a dict, `Bad`, or another value


def read_records(path: Path, advance: Callable[[int], None]) -> Iterator[Numbered]:
    """Yield a file's records, each with its line, or with its number if it is no line.

    Args:
      path: the file.
      advance: called now and then with the number of bytes read since the last call.

    Raises:
      DataError: the file cannot be read, is damaged or cut short, or is CSV without drawings.
    """
    number = done = 0
    try:
        with open(path, "rb") as raw, _unpacked(raw) as packed:
            file = _as_utf8(packed)
            for count, (number, record) in enumerate(_records(file, path), 1):
                if count % _EVERY == 0:
                    advance(raw.tell() - done)
                    done = raw.tell()
                yield number, record
            advance(raw.tell() - done)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: damaged or cut short after line {number:,} ({error}); "
            "copy or download it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def _unpacked(raw: io.BufferedReader) -> Iterator[io.BufferedReader]:
    if raw.peek(2)[:2] != _GZIP:
        yield raw
        return
    with gzip.GzipFile(fileobj=raw) as unpacked:
        # GzipFile's own readline is slow Python code.
        yield io.BufferedReader(cast(io.RawIOBase, unpacked), _BUFFER)


class _Utf8(io.RawIOBase):
    """The bytes of a text in UTF-8."""

    def __init__(self, text: io.TextIOBase):
        self._text, self._ready = text, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._ready:
            self._ready = self._text.read(_HEAD).encode("utf-8", "surrogatepass")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _as_utf8(file: io.BufferedReader) -> io.BufferedReader:
    """Return the file as UTF-8 without byte order mark, with LF at line ends."""
    head = file.peek(_HEAD)[:_HEAD]
    encoding = encoding_of(head)
    if encoding == "utf-8" and not (b"\r" in head and b"\n" not in head):
        return file
    text = io.TextIOWrapper(file, encoding, "surrogateescape", newline=None)
    return io.BufferedReader(_Utf8(text), _BUFFER)


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins with these bytes, by its byte order mark or zeros.

    Without a mark, text in UTF-16 is recognised by the zeros of its Latin letters.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return encoding
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head[::2].count(0) > len(head) // 4:
        return "utf-16-be"
    return "utf-8"


def _records(file: io.BufferedReader, path: Path) -> Iterator[Numbered]:
    head = file.peek(_HEAD)[:_HEAD].lstrip(_BLANK)
    line = head.partition(b"\n")[0].strip()
    if head[:1] == b"[" or line == b"{":  # one array, or objects on several lines
        return _values(file, "item" if head[:1] == b"[" else "", path)
    columns = line.replace(b'"', b"").split(b",")
    if head[:1] != b"{" and b"drawing" in columns:
        return _rows(file)
    return _lines(file)


def _lines(file: BinaryIO) -> Iterator[Numbered]:
    # Imported here to keep the package light. It is five times as fast as the standard library.
    from orjson import JSONDecodeError, loads

    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE)
            yield number, Bad(f"a line of over {LONGEST_LINE >> 20} MiB")
        elif line.strip():
            try:
                yield number, loads(line)
            except JSONDecodeError as error:
                yield number, Bad("not JSON", str(error))


def _values(file: BinaryIO, prefix: str, path: Path) -> Iterator[Numbered]:
    """Yield the items of an array, or the objects one after another."""
    import ijson

    number = 0
    try:
        for record in ijson.items(file, prefix, use_float=True, multiple_values=True):
            number += 1
            yield number, record
    except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
        message = " ".join(str(error).split())[:80]
        raise DataError(
            f"{path}: not JSON after drawing {number:,} ({message}); mend it there, or copy or "
            "download it again"
        ) from None


def _rows(file: BinaryIO) -> Iterator[Numbered]:
    """Yield the rows of a CSV file with QuickDraw's columns, the drawing as JSON in one of them."""
    from orjson import JSONDecodeError, loads

    csv.field_size_limit(LONGEST_LINE)
    reader = csv.DictReader(line.decode("utf-8", "replace") for line in iter(file.readline, b""))
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, Bad("not a row of CSV", str(error))
            continue
        record: dict[str, Any] = {
            name: row[name] or None for name in ("word", "key_id") if name in row
        }
        record["recognized"] = {"true": True, "false": False}.get(
            (row.get("recognized") or "").lower()
        )
        try:
            record["drawing"] = loads(row["drawing"] or "null")
        except JSONDecodeError as error:
            yield reader.line_num, Bad("its drawing is not JSON", str(error))
        else:
            yield reader.line_num, record
