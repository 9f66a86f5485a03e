"""How a style layer has its features look."""

from collections.abc import Mapping
from typing import Any

import skia
from msgspec import Struct

from mapserve.pictures.expressions import Scope, colour, tried
from open311.errors import BadInput

StyleLayer = Mapping[str, Any]
_FAR = 1e9
_MOST = 2000.0
"""Of widths and sizes in pixels: larger ones show nothing more, and cost memory."""


class Look(Struct, frozen=True):
    """What a style layer says of a group of features: the value of each of its properties."""

    layer: StyleLayer
    scope: Scope

    def value(self, name: str, otherwise: Any) -> Any:
        """A paint or layout property."""
        found = tried(self._given(name), self.scope)
        return otherwise if found is None else found

    def _given(self, name: str) -> Any:
        return self.layer.get("paint", {}).get(name, self.layer.get("layout", {}).get(name))

    def number(self, name: str, otherwise: float) -> float:
        """A property that is a number from 0: what a feature has for it may be none."""
        found = self.value(name, otherwise)
        is_number = isinstance(found, int | float) and -_FAR < found < _FAR
        return min(max(float(found), 0.0), _MOST) if is_number else otherwise

    def colour(self, name: str, opacity: str, otherwise: str = "#000000") -> skia.Color4f:
        """A colour with its own opacity and that of another property.

        Raises BadInput for a style's own colour that is none; what a feature has may be none.
        """
        try:
            red, green, blue, alpha = colour(self.value(name, otherwise))
        except BadInput:
            if not isinstance(self._given(name), list):
                raise
            red, green, blue, alpha = colour(otherwise)
        return skia.Color4f(red, green, blue, alpha * min(1.0, self.number(opacity, 1.0)))
