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
_PART = 1 << 12  # bytes read at once from JSON that is not in lines
_DEEPEST = 1000
_BLANK = b" \t\r\n"


class Bad(NamedTuple):
    """What is there in place of a record: a reason, and details."""

    reason: str
    detail: str = ""


# Its line or number in the file, from 1; a dict, `Bad`, or another value.
Numbered = tuple[int, Any]


def read_records(path: Path, advance: Callable[[int], None]) -> Iterator[Numbered]:
    """Yield a file's records, each with its line, or with its number if it is no line.

    Args:
      path: the file.
      advance: called now and then with the number of bytes read since the last call.

    Raises:
      DataError: the file cannot be read, or is damaged or cut short.
    """
    number = done = 0
    try:
        with io.BufferedReader(io.FileIO(path), _BUFFER) as raw, _unpacked(raw) as packed:
            file = _as_utf8(packed)
            for count, (number, record) in enumerate(_records(file, path), 1):
                if count % _EVERY == 0:
                    advance(raw.tell() - done)
                    done = raw.tell()
                yield number, record
            advance(raw.tell() - done)
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise DataError(
            f"{path}: damaged or cut short after line {number:,} ({error}); "
            "copy or download it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def _unpacked(raw: Any) -> Iterator[io.BufferedReader]:
    if raw.peek(2)[:2] != _GZIP:
        yield raw
        return
    with gzip.GzipFile(fileobj=raw) as unpacked:
        # GzipFile's own readline is slow Python code.
        yield io.BufferedReader(cast(io.RawIOBase, unpacked), _BUFFER)


class _Utf8(io.RawIOBase):
    """The bytes of a text in UTF-8."""

    def __init__(self, text: io.TextIOWrapper):
        self._text, self._ready = text, b""
        self._errors = text.errors or "replace"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._ready:
            self._ready = self._text.read(_HEAD).encode("utf-8", self._errors)
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _as_utf8(file: io.BufferedReader) -> io.BufferedReader:
    """Return the file as UTF-8 without byte order mark, with LF at line ends."""
    head = file.peek(_HEAD)[:_HEAD]
    encoding = encoding_of(head)
    if encoding == "utf-8" and b"\n" in head:
        return file
    # Without LF, the lines may end in CR, also if none has ended yet.
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    text = io.TextIOWrapper(file, encoding, errors, newline=None)
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
    line, _, rest = head.partition(b"\n")
    if head[:1] == b"[":
        return _values(file, "item", path)
    if head[:1] == b"{" and _goes_on(line, rest.lstrip(_BLANK)[:1], len(head) < _HEAD):
        return _values(file, "", path)
    columns = line.strip().replace(b'"', b"").split(b",")
    if head[:1] != b"{" and b"drawing" in columns:
        return _rows(file)
    return _lines(file)


def _goes_on(line: bytes, following: bytes, is_whole: bool) -> bool:
    """Return whether objects go on over lines, or several are on one.

    Args:
      line: the first line, which begins an object.
      following: the first byte after it that is not blank.
      is_whole: whether the file ends with what was looked at.
    """
    from orjson import JSONDecodeError, loads

    try:
        loads(line)
    except JSONDecodeError:
        return following in b'"}' if following else is_whole
    return False


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

    number, shallow = 0, _Shallow(file)
    try:
        for record in ijson.items(
            shallow, prefix, use_float=True, multiple_values=True, buf_size=_PART
        ):
            shallow.depth = 0  # brackets in texts may have counted
            number += 1
            yield number, record
    except (ijson.JSONError, UnicodeDecodeError, OverflowError, _TooDeep) as error:
        message = " ".join(str(error).split())[:80]
        raise DataError(
            f"{path}: not JSON after drawing {number:,} ({message}); mend it there, or copy or "
            "download it again"
        ) from None


class _TooDeep(Exception):
    """Lists are nested too deep: the library's memory grows with the square of the depth."""


class _Shallow:
    """A file that is read in small parts while its brackets are counted."""

    def __init__(self, file: BinaryIO):
        self._file, self.depth = file, 0

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, _PART))
        opened, closed = ((data.count(a) + data.count(b)) for a, b in ((b"[", b"{"), (b"]", b"}")))
        self.depth += opened - closed
        if self.depth > _DEEPEST:
            raise _TooDeep("nested too deep")
        return data


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
            record["drawing"] = loads(row.get("drawing") or "null")
        except JSONDecodeError as error:
            yield reader.line_num, Bad("its drawing is not JSON", str(error))
        else:
            yield reader.line_num, record
