"""The layers that maps draw: a new one is one entry, and every service then has it."""

from mapserve.drawing import WORLD_ZOOM, Layer
from mapserve.hex_tiles import FIELDS as HEX_FIELDS
from mapserve.hex_tiles import MAX_ZOOM as HEX_ZOOM
from mapserve.hex_tiles import draw_hexes
from mapserve.points import FIELDS as REQUEST_FIELDS
from mapserve.points import draw_requests
from open311.errors import NotFound

LAYERS = {
    layer.name: layer
    for layer in (
        Layer(
            "requests",
            "Service requests",
            "Points where there are few enough of them, hexagons at lower zooms",
            REQUEST_FIELDS,
            draw_requests,
            WORLD_ZOOM,
        ),
        Layer(
            "hexes",
            "Requests by hexagon",
            "H3 hexagons with the number of requests, at every zoom",
            HEX_FIELDS,
            draw_hexes,
            HEX_ZOOM,
        ),
    )
}


def find(name: str) -> Layer:
    """A layer by its name. Raises NotFound."""
    if name not in LAYERS:
        raise NotFound(f"There is no layer {name[:60]!r}; there are {', '.join(LAYERS)}.")
    return LAYERS[name]


def find_all(names: str) -> list[Layer]:
    """The layers of a comma-separated list, each once. Raises NotFound."""
    wanted = names.split(",")
    if len(set(wanted)) < len(wanted):
        raise NotFound("Each layer can be named once.")
    return [find(name) for name in wanted]
