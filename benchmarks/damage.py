"""Damage the bytes of a file, or what they mean: JSON, XML, the parts of an archive."""

from __future__ import annotations

import json
import random
import re
import tempfile
import zipfile
from typing import Any

ODD = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    -0.0,
    "",
    "x" * 300,
    "\x00",
    [],
    {},
    [[]],
    "NaN",
    float("nan"),
]


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with some flipped, cut, repeated, removed or exchanged."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((1, 1, 4, 64, 4096)))
        kind = rng.randrange(6)
        if kind == 0 and start < len(data):
            data[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[start:]
        elif kind == 2:
            data[start:end] = data[start:end] * rng.choice((2, 3, 50))
        elif kind == 3:
            del data[start:end]
        elif kind == 4:
            data[start:end] = rng.randbytes(end - start)
        else:
            data[start:end] = rng.choice((b"\xff", b"\x00", b"9", b"(", b"[", b'"')) * (end - start)
    return bytes(data)


def change_json(data: bytes, rng: random.Random) -> bytes:
    """Return JSON with values replaced, removed, repeated or nested."""
    value = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        holder, key = _place(value, rng)
        if holder is None:
            break
        kind = rng.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [holder[key]] * rng.choice((1, 2, 100))
        elif kind == 2:
            for _ in range(rng.choice((3, 900, 3000))):
                holder[key] = [holder[key]]
        else:
            holder[key] = rng.choice(ODD)
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"[" * 5000 + b"]" * 5000


def _place(value: Any, rng: random.Random) -> tuple[Any, Any]:
    holder: Any = None
    key: Any = None
    while isinstance(value, (dict, list)) and value and (holder is None or rng.random() < 0.8):
        holder, key = (
            value,
            rng.choice(list(value) if isinstance(value, dict) else range(len(value))),
        )
        value = holder[key]
    return holder, key


def change_xml(data: bytes, rng: random.Random) -> bytes:
    """Return XML with numbers, names or texts replaced, or elements nested or repeated."""
    text = data.decode("utf-8", "replace")
    kind = rng.randrange(5)
    if kind == 0:
        odd = rng.choice(
            ("1e999", "-1e300", "NaN", "0", "1" * 500, "1.2.3", "", "-", "1e", "5%", "2em")
        )
        return _one(r"[-+]?[0-9.]+", odd, text, rng)
    if kind == 1:
        tag = rng.choice(
            ("g", "use href='#a'", "svg", "symbol", "text", "image", "defs", "style", "a id='a'")
        )
        return _one(r"<(path|line|circle|rect|g|polyline)\b", f"<{tag} ", text, rng)
    if kind == 2:
        depth = rng.choice((10, 1000, 20_000))
        return text.replace("</svg>", "<g>" * depth + "</g>" * depth + "</svg>").encode()
    if kind == 3:
        added = rng.choice(
            (
                "<style>* * * *{fill:none}</style>",
                "<g style='transform:rotate(1turn)'/>",
                "<use href='#a'/><g id='a'><use href='#a'/></g>",
                "<path d='M" + "1 " * 5000 + "'/>",
                "<rect width='1e9' height='1e-9' rx='1e30'/>",
                "&a;",
                "<!-- " + "-" * 1000,
            )
        )
        return text.replace("</svg>", added + "</svg>").encode()
    return change_bytes(data, rng)


def _one(pattern: str, new: str, text: str, rng: random.Random) -> bytes:
    found = list(re.finditer(pattern, text))
    if found:
        match = rng.choice(found)
        text = text[: match.start()] + new + text[match.end() :]
    return text.encode()


def change_zip(data: bytes, rng: random.Random) -> bytes:
    """Return an archive with a damaged part packed again, or damaged itself."""
    if rng.random() < 0.3:
        return change_bytes(data, rng)
    with tempfile.TemporaryFile() as old, tempfile.TemporaryFile() as new:
        old.write(data)
        with zipfile.ZipFile(old) as archive, zipfile.ZipFile(new, "w") as out:
            names = archive.namelist()
            chosen = rng.choice(names)
            for name in names:
                content = archive.read(name)
                if name == chosen:
                    damage = (
                        change_json
                        if name.endswith(".json") and rng.random() < 0.7
                        else change_bytes
                    )
                    content = damage(content, rng)
                    if rng.random() < 0.05:
                        continue
                out.writestr(name, content)
        new.seek(0)
        return new.read()
