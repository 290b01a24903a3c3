"""What a page may fail with beside the errors of `corpus.errors`: it is not there, or it may not be asked."""

from __future__ import annotations


class Refused(Exception):
    """A request that is answered with an error page.

    Args:
        status: HTTP status.
        title: What is wrong, in a few words.
        words: Why, and the next step.
        back: Address of the page that it came from, with its prefix; empty where that is none of ours.
    """

    def __init__(self, status: int, title: str, words: str, back: str = "") -> None:
        super().__init__(f"{title}. {words}")
        self.status, self.title, self.words, self.back = status, title, words, back


class Missing(Refused):
    """Something that is asked for and not there.

    Args:
        words: What, and what there is instead.
    """

    def __init__(self, words: str) -> None:
        super().__init__(404, "Not found", words)


class Forbidden(Refused):
    """Something that this person may not see or do.

    Args:
        words: What, and who can change that.
    """

    def __init__(self, words: str) -> None:
        super().__init__(403, "This is not yours to do", words)
