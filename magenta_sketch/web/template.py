"""The page's HTML in its two forms: one of a folder's files, or a file that holds all others."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

_MARKS = ("csp", "styles", "icon", "files", "script")
_FOLDER_CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; "
    "style-src 'self'; img-src 'self' blob: data:; connect-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'"
)
_ONE_FILE_CSP = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; worker-src blob:; "
    "style-src {style}; img-src blob: data:; connect-src blob:; base-uri 'none'; "
    "form-action 'none'"
)


def folder_page(template: str) -> str:
    """Return index.html of a folder, which names the files beside it.

    Args:
      template: static/index.html.

    Raises:
      RuntimeError: a mark, such as {{csp}}, is missing in the template, repeated or unknown.
    """
    return _fill(
        template,
        csp=_FOLDER_CSP,
        styles='<link rel="stylesheet" href="style.css">',
        icon='<link rel="icon" href="icon.svg" type="image/svg+xml">',
        files="",
        script='<script src="app.js" defer></script>',
    )


def one_file_page(
    template: str, *, style: str, script: str, icon: bytes, files: Mapping[str, bytes]
) -> str:
    """Return a page that needs no other file.

    Args:
      template: static/index.html.
      style, script, icon: the contents of style.css, of the bundled app.js, and of icon.svg.
      files: name -> content of what the script reads. Each is embedded in base64, as a script
        element of the id "file:NAME" that does not run.

    Raises:
      RuntimeError: as for `folder_page`, or the style or the script cannot be embedded.
    """
    style, script = _inline_style(style), _inline_script(script)
    return _fill(
        template,
        csp=_ONE_FILE_CSP.format(script=_hash(script), style=_hash(style)),
        styles=f"<style>{style}</style>",
        icon=f'<link rel="icon" href="data:image/svg+xml;base64,{_base64(icon)}">',
        files="\n".join(
            f'<script type="text/plain" id="file:{name}">{_base64(content)}</script>'
            for name, content in files.items()
        ),
        script=f"<script>{script}</script>",
    )


def embedded_file(page: bytes, name: str) -> bytes | None:
    """Return the content of a file in a page of `one_file_page`, or None if it is not there.

    >>> page = b'<script type="text/plain" id="file:a.txt">aGVsbG8=</script>'
    >>> embedded_file(page, "a.txt"), embedded_file(page, "b.txt")
    (b'hello', None)
    """
    mark = re.escape(f'id="file:{name}">'.encode())
    found = re.search(mark + rb"([A-Za-z0-9+/=]*)</script>", page)
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except ValueError:  # cut in the middle
        return None


def _fill(template: str, **parts: str) -> str:
    """Put the parts in the place of the marks, in one go: parts may have such marks too."""
    found = re.findall(r"\{\{(\w*)\}\}", template)
    if sorted(found) != sorted(_MARKS):
        raise RuntimeError(
            f"index.html must have each of the marks {', '.join(_MARKS)} once, as in "
            f"{{{{csp}}}}, and has: {', '.join(found) or 'none'}"
        )
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], template)


def _inline_script(text: str) -> str:
    """Return a script so that a browser finds its end, and the same text that was hashed.

    "</script" ends it, and after "<!--" comes another rule about the end. Both stand in strings and
    regular expressions only, as esbuild writes code; there, \\x3c means "<".
    """
    return re.sub(r"<(?=!--|/?script)", r"\\x3c", _one_text(text), flags=re.IGNORECASE)


def _inline_style(text: str) -> str:
    if "</style" in text.lower():
        raise RuntimeError("style.css must not contain </style")
    return _one_text(text)


def _one_text(text: str) -> str:
    # A browser changes these two before it computes the hash.
    if "\0" in text:
        raise RuntimeError("what is embedded in a page must not contain the character 0")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
