"""Calls of WMS that are posted: as a form, as the XML of GetMap (OGC 02-070, 05-078r4), or as SLD.

They become the parameters that a URL would have; a document alone goes with those of the URL.
"""

from typing import Any

from litestar import HttpMethod, Request
from lxml import etree

from mapserve import kvp, xml_reading
from mapserve.kvp import Parameters
from mapserve.sld.elements import child, children, every, kind, text
from mapserve.wms.exceptions import ServiceException, told_as
from open311.settings import Settings

_FORM = "application/x-www-form-urlencoded"
_NEW_CRS = ("1.3",)


async def read(request: Request[Any, Any, Any], settings: Settings) -> Parameters:
    """The parameters of a call, however it comes. Raises BadInput and TooLarge."""
    parameters = kvp.read(request, settings)
    if request.method != HttpMethod.POST:
        return parameters
    body = await request.body()
    if request.content_type[0] == _FORM:
        return Parameters(parameters.values | kvp.parse(body, settings).values)
    with told_as("InvalidParameterValue"):
        root = xml_reading.parse(body, settings.max_sld_bytes)
    return Parameters(parameters.values | _of_document(root))


def _of_document(root: Any) -> dict[str, str]:
    if kind(root) == "StyledLayerDescriptor":
        return {"SLD_BODY": _told(root)}
    if kind(root) != "GetMap":
        told = "What is posted is a form, GetMap as XML, or a StyledLayerDescriptor."
        raise ServiceException("OperationNotSupported", told, kind(root)[:40])
    document = child(root, "StyledLayerDescriptor")
    if document is None:
        raise ServiceException("LayerNotDefined", "GetMap has a StyledLayerDescriptor.")
    version, output = root.get("version", "1.1.1"), child(root, "Output")
    system, corners = _box(root)
    values = {
        "SERVICE": "WMS",
        "REQUEST": "GetMap",
        "VERSION": version,
        "SLD_BODY": _told(document),
        "CRS" if version.startswith(_NEW_CRS) else "SRS": system,
        "BBOX": corners,
        "TIME": text(child(root, "Time")),
        "EXCEPTIONS": text(child(root, "Exceptions")),
    }
    return values | ({} if output is None else _output(output))


def _told(element: Any) -> str:
    """A document by itself, each element in the line in which it came."""
    told: str = etree.tostring(element, encoding="unicode", with_tail=False)
    return "\n" * int(element.sourceline - 1) + told


def _output(output: Any) -> dict[str, str]:
    size = child(output, "Size")
    sides = ("", "") if size is None else (text(child(size, s)) for s in ("Width", "Height"))
    width, height = sides
    colour = child(output, "BGcolor")
    return {
        "FORMAT": text(child(output, "Format")),
        "TRANSPARENT": text(child(output, "Transparent")),
        "BGCOLOR": text(child(output, "BackgroundColor") if colour is None else colour),
        **{"WIDTH": width, "HEIGHT": height},
    }


def _box(root: Any) -> tuple[str, str]:
    """The name of a system, and four numbers with commas between."""
    box = child(root, "BoundingBox")
    if box is None:
        raise ServiceException("InvalidParameterValue", "GetMap has a BoundingBox.", "bbox")
    system = box.get("srsName") or box.get("crs") or text(child(root, "CRS"))
    numbers: list[str] = []
    for each in (
        *every(box, "coordinates"),
        *every(box, "LowerCorner"),
        *every(box, "UpperCorner"),
    ):
        numbers += text(each).replace(",", " ").split()
    for each in every(box, "coord"):
        numbers += [text(number) for number in children(each)]
    return system, ",".join(numbers)
