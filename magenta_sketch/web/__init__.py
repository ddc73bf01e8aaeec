"""A web page on which a model continues what visitors draw.

`site` writes the folder for a web server. `bundle` gets @magenta/sketch, which runs the network in
the browser. static/ has the files of the page.
"""

from magenta_sketch.errors import PageError
from magenta_sketch.web.bundle import Bundle, from_npm, from_path
from magenta_sketch.web.site import Page, check_place, make_page, write_site

__all__ = [
    "Bundle",
    "Page",
    "PageError",
    "check_place",
    "from_npm",
    "from_path",
    "make_page",
    "write_site",
]
