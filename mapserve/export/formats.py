"""The formats in which features leave, for every service that offers some: a new one is a line."""

from collections.abc import AsyncIterator, Callable
from functools import partial

from msgspec import Struct

from mapserve.export import files, texts
from mapserve.export.writing import Writing


class Format(Struct, frozen=True):
    """A format: its extension is its name. `continues`: a client can go on where it was cut off."""

    extension: str
    title: str
    media_type: str
    write: Callable[[Writing], AsyncIterator[bytes]]
    continues: bool = False
    degrees_only: bool = False


FORMATS = {
    each.extension: each
    for each in (
        Format("geojson", "GeoJSON", "application/geo+json", texts.write_geojson),
        Format(
            "ndjson",
            "GeoJSON, a feature a line",
            "application/geo+json-seq",
            texts.write_ndjson,
            continues=True,
        ),
        Format("csv", "CSV", "text/csv", texts.write_csv, continues=True),
        Format(
            "gpkg",
            "GeoPackage",
            "application/geopackage+sqlite3",
            partial(files.write_file, "gpkg"),
        ),
        Format(
            "fgb",
            "FlatGeobuf",
            "application/flatgeobuf",
            partial(files.write_file, "fgb"),
        ),
        Format(
            "shp.zip",
            "Shapefile",
            "application/zip",
            partial(files.write_file, "shp.zip"),
        ),
        Format(
            "parquet",
            "GeoParquet",
            "application/vnd.apache.parquet",
            partial(files.write_file, "parquet"),
        ),
        Format(
            "kml",
            "KML",
            "application/vnd.google-earth.kml+xml",
            texts.write_kml,
            degrees_only=True,
        ),
        Format("gml", "GML 3.2", "application/gml+xml; version=3.2", texts.write_gml),
        Format(
            "xlsx",
            "Excel",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            partial(files.write_file, "xlsx"),
            degrees_only=True,
        ),
    )
}
