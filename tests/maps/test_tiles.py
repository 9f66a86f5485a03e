"""Tiles as maps read them: decoded, and compared with the rows."""

import httpx
import mapbox_vector_tile
import pytest

from geo.tiles import tile_at

pytestmark = pytest.mark.anyio


def at(zoom: int, lon: float = 18.648, lat: float = -33.91) -> str:
    return "{}/{}/{}".format(zoom, *tile_at(lon, lat, zoom))


def decode(answer: httpx.Response) -> dict[str, list[dict[str, object]]]:
    assert answer.status_code == 200, answer.text
    return {
        name: layer["features"]
        for name, layer in mapbox_vector_tile.decode(
            answer.content, default_options={"y_coord_down": True}
        ).items()
    }


@pytest.mark.parametrize("zoom", [0, 3, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 18, 22])
async def test_every_zoom_answers(cape_town: httpx.AsyncClient, zoom: int) -> None:
    answer = await cape_town.get(f"/tiles/requests/{at(zoom)}.mvt")
    if answer.status_code == 204:
        assert zoom > 16
        return
    tile = decode(answer)
    print(zoom, len(answer.content), len(tile["requests"]), tile["requests"][0])
