"""Take out of a text what says who wrote it, before it leaves the installation."""

import re
from collections.abc import Iterable

_SHORTEST_NAME = 3
# After these words comes a name: one word, in capitals or not, and those in capitals after it.
_SAYS_A_NAME = (
    "my name is",
    "my name's",
    "i am called",
    "my naam is",
    "ek heet",
    "igama lami ngu",
    "igama lami ungu",
    "igama lami",
    "ngingu",
    "igama lam ngu",
    "igama lam",
    "ndingu",
    "lebitso la ka ke",
    "leina la me ke",
    "leina la ka ke",
    "leina laka ke",
    "vito ra mina i",
    "libito lami ngu",
    "dzina langa ndi",
    "ibizo lami ngu",
)
_NAME = re.compile(
    rf"\b({'|'.join(re.escape(each) for each in _SAYS_A_NAME)})([\s:-]*)"
    r"([^\W\d_][\w'’-]*(?:[ \t]+(?:(?:van|der|den|de|du|le)\b|(?-i:[A-Z])[\w'’-]*)){0,4})",  # noqa: RUF001
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Thirteen digits that begin with a date (Department of Home Affairs), however they are grouped.
_IDENTITY = re.compile(
    r"(?<!\d)\d{2}[ -]?(?:0[1-9]|1[0-2])[ -]?(?:0[1-9]|[12]\d|3[01])(?:[ -]?\d){7}(?!\d)"
)
_PHONE = re.compile(
    r"(?<![\w+])(?:\+|00)?(?:27|0)(?:[ .()-]*\d){9}(?!\d)|(?<!\w)\+\d(?:[ -]?\d){7,14}"
)
# Meters, accounts, prepaid tokens: no number of a street or a pole is as long. Dates stay.
_NUMBER = re.compile(r"(?<![\d.])(?!\d{4}-\d\d-\d\d(?!\d))\d(?:[ -]?\d){6,}(?!\d)")


def mask(text: str, names: Iterable[str] = ()) -> str:
    """A text with `[phone]`, `[name]`, … where there was one.

    `names` are those known of the writer. It errs on the side of taking out too much, and knows no
    other name that nothing announces.
    """
    masked = _EMAIL.sub("[e-mail]", text)
    masked = _IDENTITY.sub("[identity number]", masked)
    masked = _PHONE.sub("[phone]", masked)
    masked = _NUMBER.sub("[number]", masked)
    masked = _NAME.sub(r"\1\2[name]", masked)
    for word in sorted(_words(names), key=len, reverse=True):
        masked = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "[name]", masked, flags=re.IGNORECASE)
    return masked


def _words(names: Iterable[str]) -> set[str]:
    """Names whole and word by word; not words so short that they are others as well."""
    whole = {name.strip() for name in names}
    parts = {part for name in whole for part in name.split()}
    return {each for each in whole | parts if len(each) >= _SHORTEST_NAME}
