"""Hooks of `mkdocs build`: pages from the repository's root, links, and tables of options.

README.md, CONTRIBUTING.md and CHANGELOG.md become pages of the site. Links are written for the
repository: a link to another page becomes a link in the site, a link to any other file becomes that
file's path in code type. A comment <!-- options of HParams --> becomes a table.
"""

import dataclasses
import logging
import os
import pathlib
import re
import sys

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
}
# Code comes first, because it may look like a link.
LINK = re.compile(r"`[^`]+`|(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
OPTIONS = re.compile(r"<!-- options of (\w+) -->")
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
LOG = logging.getLogger("mkdocs.hooks.site")


def on_files(files, config):
    """Add the pages from the repository's root."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Return the page with links for the site. Code blocks stay as they are."""
    parts = FENCED.split(markdown)
    parts[::2] = [
        LINK.sub(lambda link: _link(link, page.file.src_uri), text) for text in parts[::2]
    ]
    return OPTIONS.sub(lambda comment: _options(comment[1]), "".join(parts))


def _link(link, page):
    """Return a link for the site. ``page`` is the path of its page in the site."""
    target, _, place = (link["target"] or "").partition("#")
    if not target or re.match(r"[a-z]+:", target):
        return link[0]
    sources = {site: source for source, site in PAGES.items()}
    source = ROOT / sources.get(page, f"docs/{page}")
    path = pathlib.Path(os.path.normpath(source.parent / target))
    if not path.exists():
        LOG.warning("%s links to %s, which is not there", source, link["target"])
        return link[0]
    name = str(path.relative_to(ROOT))
    in_site = PAGES.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else "")
    if not in_site or path.is_dir():
        text = link["text"].strip("`").replace("\\", "")
        return f"`{target}`" if text == target else f"{link['text']} (`{target}`)"
    there = os.path.relpath(in_site, os.path.dirname(page))
    return f"{link['image']}[{link['text']}]({there}{'#' + place if place else ''})"


def _options(table):
    """Return the options of `HParams` or `RunConfig` as a table in Markdown."""
    sys.path.insert(0, str(ROOT))
    from magenta_sketch import config
    from magenta_sketch.config.options import options_of

    defaults = {field.name: field.default for field in dataclasses.fields(getattr(config, table))}
    rows = [
        f"| `{name}` | {'' if defaults[name] in (None, '') else f'`{_shown(defaults[name])}`'} "
        f"| {one.rule} | {one.help} |"
        for name, one in options_of(getattr(config, table)).items()
    ]
    return "\n".join(["| name | default | must be | what |", "| --- | --- | --- | --- |", *rows])


def _shown(value):
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else value
