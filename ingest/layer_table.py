"""What each format of files is read as: columns in batches, one of them shapes."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from msgspec import Struct

BATCH_ROWS = 10_000


class Table(Struct, frozen=True):
    """An open table. Shapes are WKB, in the coordinate system that the file says, if it does."""

    schema: pa.Schema
    rows: Iterable[pa.RecordBatch]
    geometry: str
    crs: Any
    size: int
    """How many rows there are."""
