"""A city's files as a catalogue in DCAT 3, which open-data portals harvest.

https://www.w3.org/TR/vocab-dcat-3/
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from mapserve.drawing import Layer
from mapserve.export.formats import FORMATS
from mapserve.opendata.files import OpenFile
from open311.dates import format_instant
from open311.jurisdictions import Jurisdiction

_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def describe(
    city: Jurisdiction, layers: Sequence[Layer], written: Sequence[OpenFile], root: str
) -> dict[str, Any]:
    """The catalogue in JSON-LD: a data set for each layer that has files; `root` is the maps'."""
    known = {layer.name: layer for layer in layers}
    shown = [each for each in written if each.layer in known]
    return {
        "@context": _CONTEXT,
        "@id": f"{root}/open-data",
        "@type": "dcat:Catalog",
        "dct:title": f"Open data of {city.name}",
        "dct:publisher": {"@type": "foaf:Agent", "foaf:name": city.name},
        "dcat:dataset": [
            _dataset(known[name], list(files), root)
            for name, files in groupby(shown, key=lambda each: each.layer)
        ],
    }


def _dataset(layer: Layer, written: Sequence[OpenFile], root: str) -> dict[str, Any]:
    here = f"{root}/collections/{layer.name}"
    return {
        "@id": here,
        "@type": "dcat:Dataset",
        "dct:identifier": layer.name,
        "dct:title": layer.title,
        "dct:description": layer.description,
        "dct:modified": _instant(max(each.written_at for each in written)),
        "dcat:keyword": list(layer.keywords),
        "dcat:landingPage": {"@id": here},
        **({"dct:license": layer.licence} if layer.licence else {}),
        **({"dct:source": layer.attribution} if layer.attribution else {}),
        "dcat:distribution": [_distribution(each, root) for each in written],
    }


def _distribution(file: OpenFile, root: str) -> dict[str, Any]:
    form = FORMATS[file.extension]
    address = {"@id": f"{root}/open-data/{file.name}"}
    return {
        "@type": "dcat:Distribution",
        "dct:title": form.title,
        "dcat:accessURL": address,
        "dcat:downloadURL": address,
        "dcat:mediaType": form.media_type,
        "dcat:byteSize": file.size,
        "dct:modified": _instant(file.written_at),
        "spdx:checksum": {
            "spdx:algorithm": "spdx:checksumAlgorithm_sha256",
            "spdx:checksumValue": file.sha256,
        },
    }


def _instant(at: datetime) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": format_instant(at)}
