"""What a call of WMS asks for: a picture of layers, in either version of the standard."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from mapserve import cql, filters
from mapserve.drawing import Layer
from mapserve.features.crs import Crs, find_crs
from mapserve.features.reading import Query
from mapserve.features.source import Source
from mapserve.kvp import Parameters
from mapserve.pictures import frame as frames
from mapserve.pictures import legends
from mapserve.pictures.encoding import FORMATS
from mapserve.pictures.frame import Frame
from mapserve.sld.scales import zoom_of
from mapserve.wms.exceptions import ServiceException, told_as
from mapserve.wms.styling import Styled, read_styled
from open311 import dates
from open311.errors import BadInput
from open311.forms import Fields
from open311.settings import Settings

NEW, OLD = "1.3.0", "1.1.1"
OF_REQUESTS = ("service_code", "status", "start_date", "end_date")

_SYNONYMS = {
    "image/png; mode=8bit": "image/png8",
    "image/png;mode=8bit": "image/png8",
    "image/vnd.jpeg-png": "image/jpeg",
    "image/jpg": "image/jpeg",
}
_DPI = 96.0
_MOST_SYMBOL = 256
_MOST_DPI = 600.0
_COLOUR = re.compile(r"(?:0x|#)?([0-9a-fA-F]{6})")
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_DPI_OPTION = re.compile(r"dpi:([\d.]+)", re.IGNORECASE)


class Picture(Struct, frozen=True):
    """A picture that is asked for; the first layer is the lowest. No background: it is clear."""

    styled: list[Styled]
    frame: Frame
    media_type: str
    background: str | None


def version_of(parameters: Parameters) -> str:
    """The version to answer in: the one asked for, or the nearest there is below it."""
    asked = parameters.text("VERSION") or parameters.text("WMTVER")
    if not asked:
        return OLD if "SRS" in parameters.values else NEW
    try:
        number = tuple(int(part) for part in asked.split("."))
    except ValueError:
        return NEW
    return NEW if number >= (1, 3) else OLD


def read_picture(parameters: Parameters, settings: Settings, version: str) -> Picture:
    """What GetMap asks for. Raises ServiceException."""
    return Picture(
        read_styled(parameters, settings),
        read_frame(parameters, settings, version),
        read_format(parameters.text("FORMAT", "image/png")),
        None if parameters.is_true("TRANSPARENT") else _background(parameters),
    )


def read_frame(parameters: Parameters, settings: Settings, version: str) -> Frame:
    """The frame of a picture. Raises ServiceException."""
    # the order of its axes hangs on the version, so that is not guessed
    if not (parameters.text("VERSION") or parameters.text("WMTVER")):
        raise ServiceException("MissingParameterValue", "VERSION is missing.", "version")
    name = "CRS" if version == NEW else "SRS"
    with told_as("InvalidCRS" if version == NEW else "InvalidSRS", name.lower()):
        crs = find_crs(parameters.text(name))
    with told_as("InvalidParameterValue", "bbox"):
        frame = Frame(
            crs,
            _corners(parameters.numbers("BBOX"), crs, version),
            parameters.integer("WIDTH"),
            parameters.integer("HEIGHT"),
            _ratio(parameters),
        )
        frames.check(frame, settings.max_picture_pixels)
    return frame


def _corners(numbers: Sequence[float], crs: Crs, version: str) -> tuple[float, float, float, float]:
    """West, south, east and north: the new version has the axes in the order of the system."""
    if len(numbers) != 4:
        raise ServiceException("InvalidParameterValue", "BBOX must be four numbers.", "bbox")
    first, second, first_end, second_end = numbers
    if version == NEW and crs.is_reversed:
        return second, first, second_end, first_end
    return first, second, first_end, second_end


def _ratio(parameters: Parameters) -> float:
    """How large symbols are, by any of the ways in which clients tell the dots an inch."""
    option = _DPI_OPTION.search(parameters.text("FORMAT_OPTIONS"))
    told = [parameters.text(name) for name in ("DPI", "MAP_RESOLUTION")]
    text = next((each for each in (*told, option[1] if option else "") if each), str(_DPI))
    try:
        dpi = float(text)
    except ValueError:
        dpi = 0
    if not 0 < dpi <= _MOST_DPI:
        raise ServiceException("InvalidParameterValue", f"DPI is 1 to {_MOST_DPI:g}.", "dpi")
    return max(0.5, dpi / _DPI)


def read_format(text: str) -> str:
    """A media type of pictures. Raises ServiceException."""
    found = _SYNONYMS.get(text.lower(), text.lower())
    if found not in FORMATS:
        known = ", ".join(FORMATS)
        raise ServiceException("InvalidFormat", f"FORMAT must be one of {known}.", "format")
    return found


def _background(parameters: Parameters) -> str:
    text = parameters.text("BGCOLOR", "0xFFFFFF")
    found = _COLOUR.fullmatch(text)
    if found is None:
        raise ServiceException("InvalidParameterValue", "BGCOLOR is like 0xFFFFFF.", "bgcolor")
    return f"#{found[1]}"


def read_legend(parameters: Parameters) -> legends.Asked:
    """How a legend is wanted. Raises ServiceException."""
    zoom = size = None
    with told_as("InvalidParameterValue", "scale"):
        if scales := parameters.numbers("SCALE"):
            if len(scales) > 1 or scales[0] <= 0:
                raise BadInput("SCALE is the denominator of a scale, a number above 0.")
            zoom = zoom_of(scales[0])
    # with a box they are those of the map that the legend is of
    if parameters.text("WIDTH") and parameters.text("HEIGHT") and not parameters.text("BBOX"):
        with told_as("InvalidParameterValue", "width"):
            size = (parameters.integer("WIDTH"), parameters.integer("HEIGHT"))
            if not all(1 <= side <= _MOST_SYMBOL for side in size):
                raise BadInput(f"Symbols of legends are 1 to {_MOST_SYMBOL} pixels wide and high.")
    return legends.Asked(
        zoom,
        _ratio(parameters),
        parameters.is_true("TRANSPARENT"),
        size,
        parameters.text("RULE"),
        parameters.text("LANGUAGE").lower(),
    )


def read_queries(parameters: Parameters, layers: Sequence[Layer], zone: ZoneInfo) -> list[Query]:
    """What limits the features of each layer: time, CQL_FILTER, and the parameters of requests."""
    texts = parameters.text("CQL_FILTER").split(";")
    if len(texts) == 1:
        texts *= len(layers)
    if len(texts) != len(layers):
        told = "CQL_FILTER must be one filter, or as many as layers, with semicolons between."
        raise ServiceException("InvalidParameterValue", told, "cql_filter")
    return [
        _query(parameters, layer.source, text, zone)
        for layer, text in zip(layers, texts, strict=True)
    ]


def _query(parameters: Parameters, source: Source, text: str, zone: ZoneInfo) -> Query:
    trees = []
    if text.strip() and text.strip().upper() != "INCLUDE":
        with told_as("InvalidParameterValue", "cql_filter"):
            trees.append(cql.parse(text, "cql2-text"))
    with told_as("InvalidDimensionValue", "time"):
        trees += _times(parameters.text("TIME"), source, zone)
    limits = {name: [value] for name in OF_REQUESTS if (value := parameters.text(name.upper()))}
    with told_as("InvalidParameterValue", "filter"):
        selection = (
            filters.read(Fields(limits), zone) if source.of_requests else filters.Selection()
        )
        tree = trees[0] if len(trees) == 1 else {"op": "and", "args": trees}
        condition = cql.condition(tree, source.properties, zone, text) if trees else None
    return Query(selection=selection, condition=condition)


def _times(text: str, source: Source, zone: ZoneInfo) -> list[dict[str, Any]]:
    """TIME: moments and spans, with commas between; a day, month or year is the whole of it."""
    if not text or source.instant is None:
        return []
    either = []
    for each in text.split(","):
        start, _, rest = each.partition("/")
        end = rest.partition("/")[0] or start
        low, high = _span(start, zone)[0], _span(end, zone)[1]
        bounds = ((">=", low), ("<", high))
        named = {"property": source.instant}
        told = [{"op": sign, "args": [named, {"timestamp": at.isoformat()}]} for sign, at in bounds]
        either.append({"op": "and", "args": told})
    return [{"op": "or", "args": either}] if len(either) > 1 else either


def _span(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From its first moment to the one after its last."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        moment = dates.parse_instant(text, zone, "TIME")
        return moment, moment + timedelta(seconds=1)
    year, month, day = (int(each) if each else None for each in found.groups())
    first = dates.parse_instant(f"{year:04}-{month or 1:02}-{day or 1:02}", zone, "TIME")
    days = 1 if day else 31 if month else 366
    later = (first + timedelta(days=days)).astimezone(zone)
    if not day:
        later = later.replace(day=1, hour=0, minute=0, second=0)
        later = later if month else later.replace(month=1)
    return first, later
