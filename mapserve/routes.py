"""Every route of the map services, for the server to mount."""

from litestar.types import ControllerRouterHandler

from mapserve import directory, hex_routes, live_routes, places, style_routes, tiles
from mapserve.admin import routes as admin
from mapserve.export import routes as export
from mapserve.ogcapi import routes as ogcapi
from mapserve.opendata import routes as opendata
from mapserve.wfs import routes as wfs
from mapserve.wms import routes as wms
from mapserve.wmts import routes as wmts

routes: list[ControllerRouterHandler] = [
    *directory.routes,
    *hex_routes.routes,
    *tiles.routes,
    *live_routes.routes,
    *places.routes,
    *style_routes.routes,
    *ogcapi.routes,
    *admin.routes,
    *wfs.routes,
    *export.routes,
    *opendata.routes,
    *wms.routes,
    *wmts.routes,
]
