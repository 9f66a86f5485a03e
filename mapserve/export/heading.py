"""What goes to the process that writes a file, and what comes back.

It loads nothing that it can do without: this module has no need of a database.
"""

from typing import Any

import shapely
from msgspec import Struct
from numpy.typing import NDArray

from mapserve.features.crs import Crs


class Heading(Struct, frozen=True):
    """What is known of a layer on its way out.

    Fields are the properties of its features, in their order, with their types.
    """

    layer: str
    title: str
    fields: dict[str, str]
    geometry_type: str
    crs: Crs


class Batch(Struct, frozen=True):
    """Some features, column by column: shapes as WKB, in longitude and latitude, or None."""

    ids: list[str]
    wkb: list[bytes | None]
    values: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shapes(self) -> NDArray[Any]:
        """The shapes as shapely has them."""
        return shapely.from_wkb(self.wkb)


class Written(Struct, frozen=True):
    """The file in its folder, or why the format cannot hold the features."""

    name: str = ""
    refusal: str | None = None
