"""Names that a layer may have."""

import re

from mapserve.layers import LAYERS, STAFF
from mapserve.styles import LOOKS
from mapserve.themes import THEMES
from open311.errors import BadInput, Conflict

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}")
_TAKEN = {*LAYERS, *STAFF, *LOOKS, *THEMES}


def check_name(name: str) -> None:
    """Refuse a name that addresses cannot hold, or that every map has.

    Raises BadInput and Conflict.
    """
    if not _NAME.fullmatch(name):
        raise BadInput("A name has letters, digits and hyphens, a letter first, 60 at most.")
    # in whatever letters: people would take one for the other
    if name.lower() in _TAKEN:
        raise Conflict(f"Every map has {name} already.")
