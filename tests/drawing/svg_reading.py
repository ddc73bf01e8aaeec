"""Reading SVG drawings back."""

import re
import xml.etree.ElementTree as ET

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"
CROSS = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]], np.float32)  # 30 wide, 40 high
DOT_AND_LINE = np.array([[20, 0, 1], [10, 10, 1]], np.float32)
ONE_DOT = np.array([[0, 0, 1]], np.float32)
EMPTY = np.zeros((0, 3), np.float32)


def parse(source) -> ET.Element:
    root = ET.fromstring(source) if isinstance(source, str) else ET.parse(source).getroot()
    assert root.tag == f"{SVG}svg"
    return root


def sketches_in(root: ET.Element) -> list[list[np.ndarray]]:
    """The drawn sketches, each a list of strokes [k, 2] in the document's units."""
    found = []
    for group in root.iter(f"{SVG}g"):
        if group.get("class") != "sketch":
            continue
        strokes = []
        for path in group:
            assert path.tag == f"{SVG}path"
            data = path.get("d")
            assert re.fullmatch(r"M[-0-9. ]+L[-0-9. ]+", data), data
            strokes.append(np.array(re.findall(r"[-0-9.]+", data), float).reshape(-1, 2))
        found.append(strokes)
    return found


def box(strokes: list[np.ndarray]) -> np.ndarray:
    points = np.concatenate(strokes)
    return np.array([points.min(0), points.max(0)])


def size(root: ET.Element) -> tuple[float, float]:
    return float(root.get("width")), float(root.get("height"))


def texts_in(root: ET.Element) -> list[str]:
    return [element.text for element in root.iter(f"{SVG}text")]
