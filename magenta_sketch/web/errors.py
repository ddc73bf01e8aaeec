"""What can go wrong when a page is made."""


class PageError(Exception):
    """The page can't be made; the message is one line that says why and what to do."""
