"""The page's HTML: what a browser reads from it, and which scripts it may run."""

import ast
import base64
import hashlib
from html.parser import HTMLParser

import pytest

from magenta_sketch.web import template
from magenta_sketch.web.bundle import STATIC

BARE = '<meta content="{{csp}}">{{icon}}{{styles}}<p>text</p>{{files}}{{script}}'


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes, text)."""

    def __init__(self, page):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append([tag, dict(attributes), ""])
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found[-1][2] += data

    def of(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def one_file(script="run()", style="p{}", files=(), page=BARE):
    icon = b"<svg/>"
    made = template.one_file_page(page, style=style, script=script, icon=icon, files=dict(files))
    return Elements(made)


def digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_only_the_two_inline_parts_may_run():
    page = one_file(script="say('é')", style="p{color:red}", files={"a": b"x"})
    ((meta, _),) = page.of("meta")
    (_, (attributes, script)) = page.of("script")
    ((_, style),) = page.of("style")
    assert (attributes, script, style) == ({}, "say('é')", "p{color:red}")
    assert meta["content"] == (
        f"default-src 'none'; script-src 'sha256-{digest(script)}' 'wasm-unsafe-eval'; "
        f"worker-src blob:; style-src 'sha256-{digest(style)}'; img-src blob: data:; connect-src "
        "blob:; base-uri 'none'; form-action 'none'"
    )


def test_files_are_in_it():
    files = {"settings.json": b"{}", "models/a.sketchrnn": bytes(range(256)), "empty": b""}
    page = one_file(files=files)
    found = {a["id"]: (a["type"], text) for a, text in page.of("script") if a}
    assert found.keys() == {f"file:{name}" for name in files}
    for name, content in files.items():
        kind, text = found[f"file:{name}"]
        assert kind == "text/plain" and base64.b64decode(text) == content
    ((icon, _),) = page.of("link")
    assert icon["href"] == f"data:image/svg+xml;base64,{base64.b64encode(b'<svg/>').decode()}"


@pytest.mark.parametrize("text", ["</script>", "</SCRIPT >", "<!-- <script>", "<!--", "<script"])
def test_a_script_with_the_words_that_end_one(text):
    page = one_file(script=f"'{text} it'")
    ((_, script),) = page.of("script")  # one, and all of it
    assert ast.literal_eval(script) == f"{text} it"  # \x3c is the same in a string of Python
    assert digest(script) in page.of("meta")[0][0]["content"]
    assert "<" not in script


def test_line_ends_that_a_browser_would_change():
    page = one_file(script="a\r\nb\rc", style="d\r\ne")
    assert page.of("script")[0][1] == "a\nb\nc" and page.of("style")[0][1] == "d\ne"


def test_what_cannot_be_embedded():
    with pytest.raises(RuntimeError, match="style.css must not contain </style"):
        one_file(style="</STYLE>")
    with pytest.raises(RuntimeError, match="the character 0"):
        one_file(script="'\0'")


def test_parts_with_marks_stay_as_they_are():
    page = one_file(script="'{{csp}}{{x}}'")
    assert page.of("script")[0][1] == "'{{csp}}{{x}}'"


@pytest.mark.parametrize("change", [("{{icon}}", ""), ("{{icon}}", "{{csp}}"), ("<p>", "{{now}}")])
def test_a_template_without_its_marks(change):
    for make in (template.folder_page, lambda page: one_file(page=page)):
        with pytest.raises(RuntimeError, match="each of the marks csp, styles, icon, files, scri"):
            make(BARE.replace(*change))


def test_our_template():
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    folder, one = Elements(template.folder_page(page)), one_file(page=page)
    assert folder.of("script") == [({"src": "app.js", "defer": None}, "")]
    assert {a["href"] for a, _ in folder.of("link")} == {"icon.svg", "style.css"}
    assert "script-src 'self' 'wasm-unsafe-eval';" in folder.of("meta")[1][0]["content"]
    # Its script comes last, when all that it looks for is there.
    assert [tag for tag, *_ in one.found][-1] == "script"
    # The policy forbids styles and scripts in attributes.
    for elements in (folder, one):
        for _, attributes, _ in elements.found:
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
