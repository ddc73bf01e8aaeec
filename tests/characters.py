"""Files like KanjiVG's, sound and damaged, and a package that has installed them."""

import importlib.metadata
from types import SimpleNamespace

DOCTYPE = """<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.0//EN" "http://www.w3.org/svg10.dtd" [
<!ATTLIST g xmlns:kvg CDATA #FIXED "http://kanjivg.tagaini.net" kvg:element CDATA #IMPLIED >
]>"""


def svg(*strokes: str, numbers=None, doctype=DOCTYPE, more="") -> str:
    """A file like KanjiVG's, with these stroke paths."""
    paths = "".join(
        f'<g><path id="kvg:04e00-s{number}" d="{d}"/></g>'
        for number, d in zip(numbers or range(1, len(strokes) + 1), strokes, strict=True)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
{doctype}
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 109 109">
<g id="kvg:StrokePaths_04e00"><g id="kvg:04e00" xmlns:kvg="http://kanjivg.tagaini.net"
kvg:element="x">{paths}</g></g><g id="kvg:StrokeNumbers_04e00"><text>1</text></g>{more}</svg>"""


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
DAMAGED = {
    "cut off": (svg("M1,1L2,2")[:300], "not well-formed XML"),
    "empty": ("", "not well-formed XML"),
    "unknown encoding": (svg("M1,1L2,2").replace("UTF-8", "nonsense"), "not well-formed XML"),
    "entities": (svg("M1,1L2,2", doctype=BOMB, more="&b;"), "declares entities"),
    "external entity": (svg("M1,1L2,2", doctype=OUTSIDE, more="&a;"), "declares entities"),
    "no strokes": (svg(), "has no strokes"),
    "a stroke missing": (svg("M1,1L2,2", "M1,1L2,2", numbers=[1, 3]), "not numbered 1 to 2"),
    "a stroke twice": (svg("M1,1L2,2", "M1,1L2,2", numbers=[1, 1]), "not numbered 1 to 2"),
    "bad path": (svg("M1,1L2,2", "M1,1C3"), "damaged path"),
    "no path": (svg("M1,1L2,2", ""), "stroke 2 draws nothing"),
    "far away": (svg("M1,1L2,20000"), "stroke 1 leaves the character's box"),
}


def write_characters(folder, count=80):
    """Write small characters, each of its own shape, that fill all three splits; return the files.

    Each has a curve, a line and a dot.
    """
    folder.mkdir(parents=True)
    files = [folder / f"{0x4E00 + i:05x}.svg" for i in range(count)]
    for i, file in enumerate(files):
        curve, line = f"M10,{10 + i}c5,0 20,{i} 30,-3", f"M30,{5 + i}L30,100"
        file.write_text(svg(curve, line, "M90,90l0.01,0"))
    return files


def install(monkeypatch, files):
    """Let `files` be those of the installed package kanjivg 1, until the test is over."""
    listed = [SimpleNamespace(suffix=file.suffix, locate=lambda file=file: file) for file in files]
    package = SimpleNamespace(version="1", files=listed)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: package)
