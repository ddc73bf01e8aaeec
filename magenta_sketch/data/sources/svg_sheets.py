"""Style sheets of an SVG document: match their rules with its elements, in limited time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from magenta_sketch.data.sources.svg_declarations import Declaration, declarations

# Limits for files with style sheets, so that none of them takes minutes.
MOST_STYLED = 100_000  # elements
MOST_SELECTORS = 10_000
LONGEST_SELECTOR = 1000  # characters
MOST_VISITS = 2_000_000  # selectors tried on elements, and elements visited for them


class Sheets:
    """The style sheets of a document, which can be asked for each element.

    Args:
      root: the document's root.
      texts: the sheets, in order.

    Raises:
      ValueError: they exceed a limit above.
      RecursionError: a sheet is nested too deep.
    """

    def __init__(self, root: Element, texts: list[str]):
        import cssselect2

        self._visits = 0
        self._matcher = cssselect2.Matcher()
        self._found: dict[Element, list[Declaration]] = {}
        count = 0
        for prelude, rule in _rules(texts):
            count += len(prelude)
            if count > MOST_SELECTORS:
                raise ValueError(f"style sheets of over {MOST_SELECTORS:,} selectors")
            for selector in _compiled(prelude):
                selector.test = self._counted(selector.test)
                self._matcher.add_selector(selector, rule)
        if sum(1 for _ in root.iter()) > MOST_STYLED:
            raise ValueError(f"over {MOST_STYLED:,} elements, and style sheets")
        tree = _wrapper(self._visit).from_xml_root(root).iter_subtree()
        self._wrapped = {wrapped.etree_element: wrapped for wrapped in tree}
        self._visits = 0

    def of(self, element: Element) -> list[Declaration]:
        """Return the declarations of all rules for an element, the strongest last.

        Raises:
          ValueError: it would take too long.
        """
        if element not in self._found:
            self._visit()
            matches = self._matcher.match(self._wrapped[element])
            self._found[element] = [
                declaration
                for _, _, pseudo, rule in matches
                if pseudo is None  # a pseudo-element is not the element itself
                for declaration in rule
            ]
        return list(self._found[element])

    def _counted(self, test: Any) -> Any:
        def counted(wrapped: Any) -> bool:
            self._visit()
            return test(wrapped)

        return counted

    def _visit(self, count: int = 1) -> None:
        self._visits += count
        if self._visits > MOST_VISITS:
            raise ValueError("its style sheets take too long for so many elements")


def _rules(texts: list[str]) -> Iterator[tuple[list[list[Any]], list[Declaration]]]:
    """Yield the rules that set properties read here: selectors as tokens, and declarations."""
    import tinycss2  # imported in functions: few files need it

    for text in texts:
        for rule in _for_screens(tinycss2.parse_stylesheet(text, True, True)):
            found = declarations(rule.content)
            if found:
                selectors: list[list[Any]] = [[]]
                for token in rule.prelude:
                    if token == ",":
                        selectors.append([])
                    else:
                        selectors[-1].append(token)
                yield selectors, found


def _for_screens(rules: list[Any]) -> Iterator[Any]:
    """Yield the qualified rules, also those in `@media all` and `@media screen`."""
    import tinycss2

    for rule in rules:
        if rule.type == "qualified-rule":
            yield rule
        elif rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content:
            media = tinycss2.serialize(rule.prelude).strip().lower()
            if media in ("", "all", "screen"):
                inner = tinycss2.parse_rule_list(rule.content, True, True)
                yield from (one for one in inner if one.type == "qualified-rule")


def _compiled(selectors: list[list[Any]]) -> list[Any]:
    """Return the compiled selectors of a rule; none if one of them is invalid, as in CSS."""
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
        # The library turns selectors into Python code, which may be nested too deep. It lacks some.
        except (SyntaxError, MemoryError, NotImplementedError, TypeError):
            raise ValueError(f"a selector that cannot be used: {text.strip()[:40]!r}") from None
    return compiled


def _wrapper(visit: Any) -> Any:
    """Return a wrapper class for elements that counts the elements visited by selectors.

    The library's own wrapper stores all ancestors and siblings of each element, and finds them
    recursively.
    """
    import cssselect2

    class Wrapper(cssselect2.ElementWrapper):
        @property
        def ancestors(self) -> Iterator[Any]:
            return _chain(self.parent, "parent", visit)

        @property
        def previous_siblings(self) -> Iterator[Any]:
            return _chain(self.previous, "previous", visit)

        @property
        def etree_siblings(self) -> Any:
            visit(1 + len(self._siblings) // 8)  # they are searched at once, which is faster
            return self._siblings

        @etree_siblings.setter
        def etree_siblings(self, siblings: Any) -> None:
            self._siblings = siblings

        def iter_children(self) -> Iterator[Any]:
            for child in super().iter_children():
                visit(10)  # a new wrapper costs more
                yield child

    return Wrapper


def _chain(wrapped: Any, link: str, visit: Any) -> Iterator[Any]:
    while wrapped is not None:
        visit()
        yield wrapped
        wrapped = getattr(wrapped, link)
