"""Names of layers and properties in XML: what a file calls them may be no name there."""

import re
from collections.abc import Iterable

from mapserve.drawing import Layer
from mapserve.features.source import GEOMETRY

PREFIX = "o311"
NAMESPACE = "urn:open311:layers"

_NO_NAME = re.compile(r"[^\w.-]", re.ASCII)
_START = re.compile(r"[A-Za-z_]")


def xml_names(properties: Iterable[str]) -> dict[str, str]:
    """The XML name of each property, all different, the same whenever it is asked."""
    taken = {GEOMETRY, "id"}
    names: dict[str, str] = {}
    for each in properties:
        name = _NO_NAME.sub("_", each) or "_"
        if not _START.match(name):
            name = f"_{name}"
        plain, number = name, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        names[each] = name
    return names


def of_layer(layer: Layer) -> dict[str, str]:
    """The XML names of a layer's properties."""
    return xml_names(column.name for column in layer.source.columns)


def local(name: str) -> str:
    """A name without its prefix, or without the namespace in braces."""
    return name.strip().rpartition("}")[2].rpartition(":")[2]
