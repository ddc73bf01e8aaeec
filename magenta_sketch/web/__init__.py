"""A web page on which visitors draw with models.

`models` prepares the models, `bundle` the scripts that run in the browser, and `site` writes the
page. static/ has its sources.
"""

from magenta_sketch.errors import PageError
from magenta_sketch.web.bundle import Bundle, from_folder, from_npm
from magenta_sketch.web.models import PageModel, page_model
from magenta_sketch.web.site import check_place, is_one_file, write_page

__all__ = [
    "Bundle",
    "PageError",
    "PageModel",
    "check_place",
    "from_folder",
    "from_npm",
    "is_one_file",
    "page_model",
    "write_page",
]
