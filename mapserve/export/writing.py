"""What a format is given to write: a layer's features, in batches, and what is known of them."""

from collections.abc import AsyncIterator

from mapserve.export.heading import Heading
from mapserve.features.reading import Features


class Writing(Heading, frozen=True):
    """A layer on its way out, with its features."""

    batches: AsyncIterator[Features]

    @property
    def heading(self) -> Heading:
        """What is known of the layer."""
        return Heading(self.layer, self.title, self.fields, self.geometry_type, self.crs)
