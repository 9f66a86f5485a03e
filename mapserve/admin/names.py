"""Names that a layer may have."""

import re

from mapserve.layers import LAYERS, STAFF
from mapserve.styles import LOOKS
from mapserve.themes import THEMES
from open311.errors import BadInput, Conflict

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_TAKEN = {*LAYERS, *STAFF, *LOOKS, *THEMES}


def check_name(name: str) -> None:
    """Refuse a name that addresses cannot hold, or that every map has.

    Raises BadInput and Conflict.
    """
    if not _NAME.fullmatch(name):
        raise BadInput("A name has small letters, digits and hyphens, a letter first, 60 at most.")
    if name in _TAKEN:
        raise Conflict(f"Every map has {name} already.")
