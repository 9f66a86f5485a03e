"""The formats that hexagons leave in: one entry of FORMATS each."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from geo.cells import outline, text_of
from mapserve.hexes import Hexes

Column = list[Any]


class Format(Struct, frozen=True):
    """A media type, and what writes the columns of hexagons in it."""

    media_type: str
    write: Callable[[int, dict[str, Column]], bytes]


def columns(hexes: Hexes) -> dict[str, Column]:
    """Hexagons by the names that clients know, `cell` in hexadecimal digits; None for no value."""
    return {
        "cell": [text_of(cell) for cell in hexes.cells.tolist()],
        "count": hexes.requests.tolist(),
        "open": hexes.open.tolist(),
        "closed": (hexes.requests - hexes.open).tolist(),
        "median_days": _or_none(hexes.median_days),
        "p90_days": _or_none(hexes.p90_days),
    }


def _or_none(values: np.ndarray[Any, np.dtype[np.float64]]) -> Column:
    return [None if value != value else value for value in values.tolist()]


def _rows(table: dict[str, Column]) -> Iterator[dict[str, Any]]:
    return (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))


def _json(resolution: int, table: dict[str, Column]) -> bytes:
    return msgspec.json.encode({"resolution": resolution, "cells": list(_rows(table))})


def _geojson(resolution: int, table: dict[str, Column]) -> bytes:
    """RFC 7946; the cell is the feature's id."""
    features = [
        {
            "type": "Feature",
            "id": row["cell"],
            "geometry": {"type": "Polygon", "coordinates": [_ring(row["cell"])]},
            "properties": {"resolution": resolution, **row},
        }
        for row in _rows(table)
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _ring(cell: str) -> list[tuple[float, float]]:
    corners = [(round(lon, 7), round(lat, 7)) for lon, lat in outline(int(cell, 16))]
    return [*corners, corners[0]]


def _csv(_resolution: int, table: dict[str, Column]) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return sink.getvalue().encode()


def _arrow(_resolution: int, table: dict[str, Column]) -> bytes:
    import pyarrow as pa  # a tenth of a second that few servers ever need

    sink = io.BytesIO()
    made = pa.table(_typed(table))
    with pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made)
    return sink.getvalue()


def _parquet(_resolution: int, table: dict[str, Column]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(_typed(table)), sink)
    return sink.getvalue()


def _typed(table: dict[str, Column]) -> dict[str, Any]:
    """Arrays whose types do not depend on what is in them."""
    import pyarrow as pa

    kinds = {"cell": pa.string(), "median_days": pa.float64(), "p90_days": pa.float64()}
    return {name: pa.array(values, kinds.get(name, pa.int64())) for name, values in table.items()}


FORMATS = {
    "json": Format("application/json", _json),
    "geojson": Format("application/geo+json", _geojson),
    "csv": Format("text/csv; charset=utf-8", _csv),
    "arrow": Format("application/vnd.apache.arrow.file", _arrow),
    "parquet": Format("application/vnd.apache.parquet", _parquet),
}
