"""Which shapes of an SVG document can be seen: presentation attributes, style sheets, `style`.

Read are the properties `display`, `visibility`, `opacity`, `fill`, `stroke`, `fill-opacity` and
`stroke-opacity`, weighed as CSS does: an attribute is less than any rule of a style sheet, rules
go by specificity and then by order, `style` is more, and `!important` most. What CSS does not
understand is passed over, and so are `@` rules, `@import` and `@media` among them, and sheets in
other files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from magenta_sketch.data.sources.svg_shapes import tag_of

__all__ = ["INITIAL", "Styles", "is_hidden", "is_painted", "is_stroked"]

# The properties that an element has from its parents, and what they are where nothing says it.
INITIAL = {
    "visibility": "visible",
    "fill": "black",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
}
_PROPERTIES = (*INITIAL, "display", "opacity")

# Only files with style sheets have these limits, so that none of them takes minutes.
MOST_STYLED = 100_000  # elements
MOST_SELECTORS = 10_000
LONGEST_SELECTOR = 1000  # characters
MOST_STEPS = 2_000_000  # selectors tried on elements, and elements looked at for them

_PLAIN = re.compile(r"[^\\/\"'(!]*")  # declarations that no CSS parser is needed for
_NUMBER = re.compile(r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]{1,3})?)%?")

_Declaration = tuple[str, str, bool]  # property, value, whether it is !important


def is_hidden(own: dict[str, str]) -> bool:
    """Whether an element of these properties, and all that is in it, is not to be seen."""
    return own.get("display") == "none" or _is_zero(own.get("opacity", "1"))


def is_stroked(style: dict[str, str]) -> bool:
    """Whether the outline of a shape of this style is painted."""
    return _has_paint(style["stroke"], style["stroke-opacity"])


def is_painted(style: dict[str, str]) -> bool:
    """Whether anything of a shape of this style is painted."""
    if style["visibility"] in ("hidden", "collapse"):
        return False
    return is_stroked(style) or _has_paint(style["fill"], style["fill-opacity"])


def _has_paint(paint: str, opacity: str) -> bool:
    return paint not in ("none", "transparent") and not _is_zero(opacity)


def _is_zero(opacity: str) -> bool:
    match = None if len(opacity) > 100 else _NUMBER.fullmatch(opacity)
    return match is not None and float(match[1]) <= 0


class Styles:
    """The properties of a document's elements.

    Args:
      root: the document's.

    Raises:
      ValueError: a style sheet is beyond the limits above.
      RecursionError: one is nested too deep.
    """

    def __init__(self, root: Element):
        texts = [_text(element) for element in root.iter() if tag_of(element) == "style"]
        self._sheets = _Sheets(root, texts) if any(texts) else None

    def of(self, element: Element) -> dict[str, str]:
        """What is said of an element itself, by attributes, style sheets and `style`.

        Raises:
          ValueError: it would take too long.
          RecursionError: a style is nested too deep.
        """
        own = {}
        for name in _PROPERTIES:
            value = element.get(name)
            if value is not None and _is_valid(name, value := value.strip().lower()):
                own[name] = value
        declarations = [] if self._sheets is None else self._sheets.of(element)
        if "style" in element.attrib:
            declarations += _declarations(element.attrib["style"])
        # The sort keeps the order of those of one weight.
        for name, value, _ in sorted(declarations, key=lambda declaration: declaration[2]):
            own[name] = value
        return own

    def within(self, own: dict[str, str], outer: dict[str, str]) -> dict[str, str]:
        """The inherited properties of an element, from its own and those of its parent."""
        result = dict(outer)
        for name, initial in INITIAL.items():
            value = own.get(name, "inherit")
            if value == "initial":
                result[name] = initial
            elif value not in ("inherit", "unset", "revert", "revert-layer"):
                result[name] = value
        return result


def _text(element: Element) -> str:
    """The style sheet in a `style` element; none of another language or for print alone."""
    kind = element.get("type", "").partition(";")[0].strip().lower()
    media = {part.strip().lower() for part in element.get("media", "all").split(",")}
    if kind not in ("", "text/css") or not media & {"", "all", "screen"}:
        return ""
    return "".join(element.itertext())


def _is_valid(name: str, value: str) -> bool:
    if value in ("inherit", "initial", "unset", "revert", "revert-layer"):
        return True
    if name == "visibility":
        return value in ("visible", "hidden", "collapse")
    if name.endswith("opacity"):
        return len(value) <= 100 and _NUMBER.fullmatch(value) is not None
    return bool(value)


def _declarations(css: str | list[Any]) -> list[_Declaration]:
    """The declarations of a `style` attribute or a rule that are valid and of our properties."""
    found: list[_Declaration] = []
    if isinstance(css, str) and _PLAIN.fullmatch(css):
        parts = (part.partition(":") for part in css.split(";"))
        found = [(name.strip().lower(), value.strip().lower(), False) for name, _, value in parts]
    else:
        import tinycss2  # here and below: few files need it

        parsed = tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True)
        for one in parsed:
            if one.type == "declaration":
                value = [token for token in one.value if token.type != "comment"]
                text = tinycss2.serialize(value).strip().lower()
                found.append((one.lower_name, text, one.important))
    return [one for one in found if one[0] in _PROPERTIES and _is_valid(*one[:2])]


class _Sheets:
    """The style sheets of a document: their rules, asked for one element after another."""

    def __init__(self, root: Element, texts: list[str]):
        import cssselect2

        self._steps = 0
        self._matcher = cssselect2.Matcher()
        self._found: dict[Element, list[_Declaration]] = {}
        count = 0
        for prelude, declarations in _rules(texts):
            count += len(prelude)
            if count > MOST_SELECTORS:
                raise ValueError(f"style sheets of over {MOST_SELECTORS:,} selectors")
            for selector in _compiled(prelude):
                selector.test = self._counted(selector.test)
                self._matcher.add_selector(selector, declarations)
        if sum(1 for _ in root.iter()) > MOST_STYLED:
            raise ValueError(f"over {MOST_STYLED:,} elements, and style sheets")
        tree = _wrapper(self._step).from_xml_root(root).iter_subtree()
        self._wrapped = {wrapped.etree_element: wrapped for wrapped in tree}
        self._steps = 0

    def of(self, element: Element) -> list[_Declaration]:
        """What the rules say of an element, the strongest last."""
        if element not in self._found:
            self._step()
            matches = self._matcher.match(self._wrapped[element])
            self._found[element] = [
                declaration
                for _, _, pseudo, declarations in matches
                if pseudo is None  # what is made before or after an element is not the element
                for declaration in declarations
            ]
        return list(self._found[element])

    def _counted(self, test: Any) -> Any:
        def counted(wrapped: Any) -> bool:
            self._step()
            return test(wrapped)

        return counted

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > MOST_STEPS:
            raise ValueError("its style sheets take too long for so many elements")


def _rules(texts: list[str]) -> Iterator[tuple[list[list[Any]], list[_Declaration]]]:
    """The rules that say anything of our properties: selectors, as tokens, and declarations."""
    import tinycss2

    for text in texts:
        for rule in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
            if rule.type != "qualified-rule":
                continue
            declarations = _declarations(rule.content)
            if declarations:
                selectors: list[list[Any]] = [[]]
                for token in rule.prelude:
                    if token == ",":
                        selectors.append([])
                    else:
                        selectors[-1].append(token)
                yield selectors, declarations


def _compiled(selectors: list[list[Any]]) -> list[Any]:
    """The selectors of a rule; none where one of them is not valid, as CSS says."""
    import cssselect2
    import tinycss2

    compiled = []
    for tokens in selectors:
        if len(text := tinycss2.serialize(tokens)) > LONGEST_SELECTOR:
            raise ValueError(f"a selector of over {LONGEST_SELECTOR:,} characters")
        try:
            compiled += cssselect2.compile_selector_list(tokens)
        except cssselect2.SelectorError:
            return []
        # The library makes Python of them, which may be nested too deep, and lacks a few.
        except (SyntaxError, MemoryError, NotImplementedError, TypeError):
            raise ValueError(f"a selector that can't be used: {text.strip()[:40]!r}") from None
    return compiled


def _wrapper(step: Any) -> Any:
    """A wrapper of elements whose selectors count the elements that they look at.

    The library's own keeps all ancestors and siblings of each element, and finds them recursively.
    """
    import cssselect2

    class Wrapper(cssselect2.ElementWrapper):
        @property
        def ancestors(self):
            return _chain(self.parent, "parent", step)

        @property
        def previous_siblings(self):
            return _chain(self.previous, "previous", step)

        @property
        def etree_siblings(self):
            step(1 + len(self._siblings) // 8)  # they are looked through at once, which is faster
            return self._siblings

        @etree_siblings.setter
        def etree_siblings(self, siblings):
            self._siblings = siblings

        def iter_children(self):
            for child in super().iter_children():
                step(10)  # new wrappers
                yield child

    return Wrapper


def _chain(wrapped: Any, link: str, step: Any) -> Iterator[Any]:
    while wrapped is not None:
        step()
        yield wrapped
        wrapped = getattr(wrapped, link)
