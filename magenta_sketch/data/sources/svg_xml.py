"""Read XML from files that may be hostile: `.svg`, and `.svgz`, which is gzipped.

Illustrator declares short texts as entities (`<!ENTITY ns_svg "http://www.w3.org/2000/svg">`) and
uses them for namespaces. Such entities are read. Entities that refer to files or to other entities
can read what they should not, or fill the memory, and are refused.
"""

from __future__ import annotations

import gzip
import os
import zlib
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

LARGEST_FILE = 16 << 20  # bytes, unpacked

# Of entities.
MOST_ENTITIES = 100
LONGEST_ENTITY = 1000  # characters
LARGEST_EXPANSION = 16 << 20  # bytes, if every `&` of the file stood for the longest one

_GZIP = b"\x1f\x8b"


def parse_xml(path: str | os.PathLike[str]) -> Element:
    """Return the root of an XML file, which may be gzipped.

    Raises:
      ValueError: it is too large, is damaged, is not well-formed, has an unknown encoding, or
        declares entities that are not short texts.
      OSError: it cannot be read.
    """
    import defusedxml

    data = _read(Path(path))
    parser = _parser_class()(data.count(b"&"))
    try:
        parser.feed(data)
        return parser.close()
    except defusedxml.DefusedXmlException:
        raise ValueError("declares entities that are not short texts") from None
    except (ParseError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(f"not well-formed XML: {error}") from error


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            data = (gzip.GzipFile(fileobj=raw) if packed else raw).read(LARGEST_FILE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"damaged or cut short ({error})") from None
    if len(data) > LARGEST_FILE:
        raise ValueError(f"over {LARGEST_FILE >> 20} MiB")
    return data


@cache
def _parser_class() -> Any:
    import defusedxml.ElementTree  # imported here: few runs read XML

    class Parser(defusedxml.ElementTree.DefusedXMLParser):
        """A parser that allows short texts as entities.

        Args:
          uses: the number of `&` in the file; no file uses entities more often.
        """

        def __init__(self, uses: int):
            super().__init__(target=TreeBuilder())  # of C: it takes a tree of any depth
            self._uses = uses
            self._entities = 0

        def defused_entity_decl(self, name: Any, is_parameter: Any, value: Any, *where: Any) -> Any:
            self._entities += 1
            short = (
                not is_parameter
                and value is not None  # it is in the file itself
                and not set("&%<") & set(value)
                and len(value) <= LONGEST_ENTITY
                and self._entities <= MOST_ENTITIES
                and self._uses * len(value) <= LARGEST_EXPANSION
            )
            if not short:
                super().defused_entity_decl(name, is_parameter, value, *where)

    return Parser
