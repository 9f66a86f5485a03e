"""Text as the language model reads it: words in small letters, and nothing else."""

import re

_ADDRESSES = re.compile(r"\S+@\S+|https?://\S+|www\.\S+")
_NO_LETTERS = re.compile(r"[\W\d_]+")
_MOST = 400


def words_of(text: str) -> str:
    """The letters of a text's beginning in small letters, single blanks between words.

    Training and prediction both go through here: what the model saw is what it is asked.
    """
    plain = _ADDRESSES.sub(" ", text[:_MOST])
    return _NO_LETTERS.sub(" ", plain.lower()).strip()
