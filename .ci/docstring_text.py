"""A griffe extension: small changes to docstrings before they become pages."""

import re

import griffe

# From a >>> line to the next empty line, all with the same indentation.
EXAMPLE = re.compile(
    r"^(?P<indent> *)>>> .*(?:\n(?P=indent)\S.*| *\n(?P=indent) +\S.*)*", re.MULTILINE
)
# Several parameters that share a description, as in "x, y: ...".
NAMES = re.compile(r"^ +\w+(?:, \w+)+:", re.MULTILINE)


class DocstringText(griffe.Extension):
    """Put fences around examples, and keep names that share a description together."""

    def on_object(self, *, obj, **_):
        """Change the docstring of one object."""
        if obj.docstring:
            text = EXAMPLE.sub(_fenced, obj.docstring.value)
            # griffe would take the text after a space for a type.
            obj.docstring.value = NAMES.sub(lambda names: names[0].replace(", ", ",\xa0"), text)


def _fenced(example):
    fence = example["indent"] + "```"
    return f"{fence}pycon\n{example[0]}\n{fence}"
