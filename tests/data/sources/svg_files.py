"""SVG files for tests."""

from magenta_sketch.data.sources import svg

XMLNS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
PATH = '<path d="M0,0h1"/>'


def picture(tmp_path, body, attributes='viewBox="0 0 100 100"', head=""):
    file = tmp_path / "a.svg"
    file.write_text(f"{head}<svg {XMLNS} {attributes}>{body}</svg>")
    return svg.read_file(file)


def read(tmp_path, body, attributes='viewBox="0 0 100 100"', head=""):
    return picture(tmp_path, body, attributes, head).lines


def corners(tmp_path, body, **kwargs):
    return [line.round(9).tolist() for line in read(tmp_path, body, **kwargs)]
