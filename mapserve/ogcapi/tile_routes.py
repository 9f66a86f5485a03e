"""OGC API Tiles and Styles over HTTP: the same tiles and styles, at the standards' addresses."""

import re
from typing import Any

from litestar import Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from mapserve import tiles
from mapserve.atlas import Atlas
from mapserve.drawing import Tile
from mapserve.features.extents import Extent, extent
from mapserve.layers import find_features, list_features, opened
from mapserve.ogcapi import tile_sets
from mapserve.ogcapi.asking import check_names
from mapserve.ogcapi.calls import FORM_ONLY, READ, Answer, begin, root_of, told_as
from mapserve.ogcapi.documents import Link, itself
from mapserve.ogcapi.negotiation import JSON, choose
from mapserve.themes import THEMES
from open311 import jurisdictions
from open311.context import Context
from open311.errors import NotFound

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


@route("/maps/{jurisdiction_id:str}/tileMatrixSets", http_method=READ)
async def get_tile_matrix_sets(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """How the world is cut into tiles."""
    city, fields, _ = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    told = tile_sets.listing(root, form)
    return told_as(request, form, told, "listing.html", {"city": city, "root": root})


@route("/maps/{jurisdiction_id:str}/tileMatrixSets/{name:str}", http_method=READ)
async def get_tile_matrix_set(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """A tile matrix set."""
    _, fields, _ = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    grid = _find_grid(name)
    form = choose(request, fields.text("f"), (JSON,))
    return told_as(request, form, tile_sets.definition(grid), "", {})


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}/tiles", http_method=READ)
async def get_tile_sets(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """The sets of tiles of a layer."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    found = await find_features(context, city, layer, account)
    here = f"{root}/collections/{found.name}/tiles"
    sets = [
        tile_sets.tile_set(found, Extent(None, None), root, grid)
        for grid in tile_sets.GRIDS.values()
    ]
    named = ("title", "dataType", "crs", "tileMatrixSetURI", "tileMatrixSetId", "links")
    told = {
        "links": itself(here, form, "Sets of tiles"),
        "tilesets": [{name: one[name] for name in named} for one in sets],
    }
    return told_as(request, form, told, "listing.html", {"city": city, "root": root})


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}/tiles/{grid:str}", http_method=READ)
async def get_tile_set(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    grid: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """A set of tiles, and where they are."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    cut = _find_grid(grid)
    found = await find_features(context, city, layer, account)
    async with opened(context, city, found) as reading:
        where = await extent(reading)
    form = choose(request, fields.text("f"), (JSON,))
    told = tile_sets.tile_set(found, where, root_of(context, city), cut)
    return told_as(request, form, told, "", {})


@route(
    "/maps/{jurisdiction_id:str}/collections/{layer:str}/tiles/{grid:str}/{z:str}/{row:str}/{column:str}",
    http_method=READ,
    uncompressed=True,
)
async def get_tile(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    grid: FromPath[str],
    z: FromPath[str],
    row: FromPath[str],
    column: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """A vector tile: its row comes before its column here."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    cut = _find_grid(grid)
    if not all(_NUMBER.fullmatch(each) for each in (z, row, column)):
        raise NotFound("Tiles are at {tileMatrix}/{tileRow}/{tileCol}, in whole numbers.")
    tile = Tile(int(z), int(column), int(row))
    return await tiles.serve(request, context, atlas, city, layer, tile, cut)


def _find_grid(name: str) -> tile_sets.Grid:
    if name not in tile_sets.GRIDS:
        raise NotFound(f"Tile matrix sets are {', '.join(tile_sets.GRIDS)}.")
    return tile_sets.GRIDS[name]


@route("/maps/{jurisdiction_id:str}/styles", http_method=READ)
async def get_styles(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """All styles: of everything, in each theme, and of each layer."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    titles = {name: f"Everything, {name}" for name in THEMES}
    titles |= {layer.name: layer.title for layer in await list_features(context, city, account)}
    told = {
        "default": next(iter(THEMES)),
        "links": itself(f"{root}/styles", form, "Styles"),
        "styles": [_style(root, name, title) for name, title in titles.items()],
    }
    return told_as(request, form, told, "listing.html", {"city": city, "root": root})


def _style(root: str, name: str, title: str) -> dict[str, Any]:
    address = f"{root}/styles/{name}"
    links = [
        Link(f"{address}.json", "stylesheet", "application/vnd.mapbox.style+json", title),
        Link(f"{address}.sld", "stylesheet", "application/vnd.ogc.sld+xml;version=1.0", title),
    ]
    return {"id": name, "title": title, "links": links}


routes = [
    *(get_tile_matrix_sets, get_tile_matrix_set, get_tile_sets, get_tile_set, get_tile),
    get_styles,
]
