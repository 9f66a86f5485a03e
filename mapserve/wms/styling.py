"""The styles that the layers of a picture are drawn in: the server's, or what SLD_BODY brings."""

import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from mapserve import xml_reading
from mapserve.drawing import Layer
from mapserve.kvp import Parameters
from mapserve.sld import reading
from mapserve.sld.reading import Named, Read
from mapserve.sld.scales import ZOOM_ZERO
from mapserve.themes import LIGHT, THEMES, Theme
from mapserve.wms.exceptions import ServiceException, told_as
from open311.settings import Settings

LAYER_LIMIT = 40
"""Most layers of a picture, as capabilities say."""

_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_BODY = "sld_body"


class Styled(Struct, frozen=True):
    """A layer by its name, in the look of a theme, or in a style that was sent for it."""

    name: str
    theme: Theme
    named: Named | None = None
    style: Any = None
    """The element `UserStyle`."""


def read_body(parameters: Parameters, settings: Settings) -> Any:
    """The document of SLD_BODY, or None. Raises ServiceException."""
    if parameters.text("SLD"):
        told = "Styles are fetched from nowhere: send the document itself as SLD_BODY."
        raise ServiceException("OperationNotSupported", told, "sld")
    text = parameters.text("SLD_BODY")
    if not text:
        return None
    # what was sent is UTF-8 by now, whatever the document says of itself
    body = _DECLARATION.sub("", text).encode()
    with told_as("InvalidParameterValue", _BODY):
        return xml_reading.parse(body, settings.max_sld_bytes)


def read_styled(parameters: Parameters, settings: Settings) -> list[Styled]:
    """The layers to be drawn, from below to above: those of LAYERS, or all of the document.

    With LAYERS the document is a library: it has the styles for those layers that it names.
    Raises ServiceException.
    """
    root = read_body(parameters, settings)
    with told_as("InvalidParameterValue", _BODY):
        sent = [] if root is None else reading.named_layers(root)
    names = parameters.many("LAYERS")
    if not names and not sent:
        raise ServiceException("LayerNotDefined", "LAYERS names no layer.", "layers")
    if len(names or sent) > LAYER_LIMIT:
        told = f"A picture has at most {LAYER_LIMIT} layers."
        raise ServiceException("InvalidParameterValue", told, "layers")
    if not names:
        return [styled(each.layer, each.known, [each]) for each in sent]
    wanted = parameters.many("STYLES") or [""] * len(names)
    if len(wanted) != len(names):
        raise ServiceException("StyleNotDefined", "STYLES must be as many as LAYERS.", "styles")
    return [styled(*each, sent) for each in zip(names, wanted, strict=True)]


def styled(layer: str, style: str, sent: Sequence[Named]) -> Styled:
    """A layer in a style of some name, or in the default one. Raises ServiceException."""
    named = next((each for each in sent if each.layer == layer), None)
    own = None if named is None else reading.chosen(named, style)
    if own is not None:
        # icons are those of a theme: a style that was written of one has its name
        return Styled(layer, THEMES.get(reading.name_of(own), LIGHT), named, own)
    if named is not None and named.constraints is not None:
        told = "LayerFeatureConstraints are understood beside a UserStyle only."
        raise ServiceException("InvalidParameterValue", told, _BODY)
    name = style or (named.known if named else "")
    if name not in ("", "default", *THEMES):
        told = f"There is no style {name[:40]!r}; there are {', '.join(THEMES)}."
        raise ServiceException("StyleNotDefined", told, "styles")
    return Styled(layer, THEMES.get(name, LIGHT), named)


def read_own(
    layer: Layer,
    each: Styled,
    zone: ZoneInfo,
    settings: Settings,
    zoom_zero: float = ZOOM_ZERO,
) -> Read | None:
    """The style layers that were sent for a layer, if there are some. Raises ServiceException."""
    if each.named is None or each.style is None:
        return None
    with told_as("InvalidParameterValue", _BODY):
        found = reading.read_named(each.named, each.style, layer, zone, zoom_zero)
    if len(found.layers) > settings.max_style_layers:
        told = f"A style becomes at most {settings.max_style_layers} layers; these are more."
        raise ServiceException("InvalidParameterValue", told, _BODY)
    return found
