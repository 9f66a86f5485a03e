"""Every route of the map services, for the server to mount."""

from litestar.types import ControllerRouterHandler

from mapserve import directory, hex_routes, live_routes, places, style_routes, tiles
from mapserve.ogcapi import routes as ogcapi

routes: list[ControllerRouterHandler] = [
    *directory.routes,
    *hex_routes.routes,
    *tiles.routes,
    *live_routes.routes,
    *places.routes,
    *style_routes.routes,
    *ogcapi.routes,
]
