"""How a style layer has its features look."""

from collections.abc import Mapping
from typing import Any

import skia
from msgspec import Struct

from mapserve.pictures.expressions import Scope, colour, evaluate

StyleLayer = Mapping[str, Any]


class Look(Struct, frozen=True):
    """What a style layer says of a group of features: the value of each of its properties."""

    layer: StyleLayer
    scope: Scope

    def value(self, name: str, otherwise: Any) -> Any:
        """A paint or layout property."""
        given = self.layer.get("paint", {}).get(name, self.layer.get("layout", {}).get(name))
        found = evaluate(given, self.scope)
        return otherwise if found is None else found

    def colour(self, name: str, opacity: str, otherwise: str = "#000000") -> skia.Color4f:
        """A colour with its own opacity and that of another property."""
        red, green, blue, alpha = colour(self.value(name, otherwise))
        return skia.Color4f(red, green, blue, alpha * float(self.value(opacity, 1.0)))
