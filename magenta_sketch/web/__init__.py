"""A model on a web page: a folder for any web server, where it continues what one draws.

`site` writes the folder; `bundle` gets @magenta/sketch, which runs the network in the browser;
static/ holds the page as it is served.
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
