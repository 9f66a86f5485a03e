"""`open311 export …`: files for those who serve maps without a server."""

from pathlib import Path
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import click
import msgspec

from ingest.commands import bar
from mapserve.export import asking
from mapserve.export.downloads import pieces
from mapserve.export.paths import replacing
from mapserve.filters import PARAMETERS, Selection, read
from mapserve.layers import find_features
from mapserve.pmtiles_export import Wanted, Written, export
from open311 import db, jurisdictions
from open311.commands.installation import Installation, of_jurisdiction, work_in
from open311.connections import close_context, open_context
from open311.db import Database
from open311.errors import BadInput
from open311.forms import Fields
from open311.settings import Settings

_STATEMENT_SECONDS = 600


@click.group("export")
def exports() -> None:
    """Files of what everybody may see."""


@exports.command("tiles")
@of_jurisdiction
@click.option("--layer", "layers", required=True, help="Or several: requests,clinics.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--min-zoom", type=int, default=0, show_default=True)
@click.option("--max-zoom", type=int, default=14, show_default=True)
@click.option("--filter", "query", default="", help='As tiles take them: "status=open&bbox=…".')
@click.pass_obj
def export_tiles(
    installation: Installation,
    named: str,
    layers: str,
    out: Path,
    min_zoom: int,
    max_zoom: int,
    query: str,
) -> None:
    """Write the tiles of layers to one PMTiles file, for a CDN or a page without a server."""

    async def work(settings: Settings, database: Database, jurisdiction_id: str) -> Written:
        city = await jurisdictions.find(database, jurisdiction_id)
        selection = _selection(query, ZoneInfo(city.time_zone))
        wanted = Wanted(layers, selection, min_zoom, max_zoom)
        patient = msgspec.structs.replace(settings, map_statement_seconds=_STATEMENT_SECONDS)
        async with db.connected(patient, "map") as maps:
            with bar() as progress:
                return await export(maps, settings, city, wanted, out, progress)

    written = work_in(installation, named, work)
    click.echo(f"{out}: {written.tiles} tiles, {out.stat().st_size} bytes")
    if written.truncated:
        click.echo(f"{written.truncated} of them leave features out", err=True)


@exports.command("layer")
@click.argument("name")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@of_jurisdiction
@click.option("--filter", "query", default="", help='As exports take them: "status=open&crs=…".')
@click.pass_obj
def export_layer(installation: Installation, name: str, out: Path, named: str, query: str) -> None:
    """Write a layer that everybody may see to OUT, whose ending tells the format: wards.gpkg."""

    async def work(settings: Settings, database: Database, jurisdiction_id: str) -> None:
        context = open_context(
            msgspec.structs.replace(settings, map_statement_seconds=_STATEMENT_SECONDS)
        )
        try:
            city = await jurisdictions.find(database, jurisdiction_id)
            _, chosen = asking.read_name(out.name)
            layer = await find_features(context, city, name)
            fields = Fields(parse_qs(query, keep_blank_values=True))
            asked = asking.read(fields, layer, city, chosen, settings)
            with replacing(out) as file:
                async for piece in pieces(context, city, layer, asked.query, asked.crs, chosen):
                    file.write(piece)
        finally:
            await close_context(context)

    work_in(installation, named, work)
    click.echo(f"{out}: {out.stat().st_size} bytes")


def _selection(query: str, zone: ZoneInfo) -> Selection:
    """What a query string selects. Raises BadInput, also for a name that is none."""
    values = parse_qs(query)
    if unknown := values.keys() - PARAMETERS:
        raise BadInput(f"There is no filter {min(unknown)!r}; use {', '.join(sorted(PARAMETERS))}.")
    return read(Fields(values), zone)
