"""OGC API Maps: the picture of a layer at an address of its own."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytestmark = pytest.mark.anyio

BOX = "18.61,-33.94,18.67,-33.89"


async def picture(client: httpx.AsyncClient, **query: str) -> NDArray[Any]:
    named = {name.replace("_crs", "-crs"): value for name, value in query.items()}
    answer = await client.get("/collections/requests/map", params=named)
    assert answer.status_code == 200, answer.text[:300]
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


async def test_it_is_what_wms_draws(cape_town: httpx.AsyncClient) -> None:
    drawn = await picture(cape_town, bbox=BOX, width="600", height="500")
    wms = await cape_town.get(
        "/wms",
        params={
            **{"SERVICE": "WMS", "VERSION": "1.1.1", "REQUEST": "GetMap", "LAYERS": "requests"},
            **{"STYLES": "", "SRS": "EPSG:4326", "BBOX": BOX, "WIDTH": "600", "HEIGHT": "500"},
            **{"FORMAT": "image/png", "TRANSPARENT": "TRUE"},
        },
    )
    assert (drawn == np.asarray(Image.open(io.BytesIO(wms.content)))).all()
    assert drawn[..., 3].any()


async def test_systems_sizes_and_grounds(cape_town: httpx.AsyncClient) -> None:
    whole = await picture(cape_town)
    assert whole.shape[1] == 1024
    assert whole[..., 3].any()
    crs = "http://www.opengis.net/def/crs/EPSG/0/3857"
    answer = await cape_town.get("/collections/requests/map", params={"bbox": BOX, "crs": crs})
    assert answer.headers["content-crs"] == f"<{crs}>"
    assert answer.headers["content-bbox"].startswith("2071655")
    ground = await picture(cape_town, bbox=BOX, transparent="false", bgcolor="#112233", f="jpeg")
    assert ground[0, 0, :3].tolist() == pytest.approx([0x11, 0x22, 0x33], abs=4)
    some = await picture(cape_town, bbox=BOX, width="300", filter="status = 'open'")
    every = await picture(cape_town, bbox=BOX, width="300")
    assert (some[..., 3] > 0).sum() < (every[..., 3] > 0).sum()


@pytest.mark.parametrize(
    "query",
    [
        {"width": "0"}, {"height": "99999"}, {"bbox": "1,2"}, {"f": "gif"}, {"crs": "x"},
        {"unknown": "1"}, {"bbox": "170,0,-170,1"}, {"bgcolor": "reddish", "transparent": "false"},
    ],
)  # fmt: skip
async def test_what_is_badly_asked_is_refused(
    cape_town: httpx.AsyncClient, query: dict[str, str]
) -> None:
    answer = await cape_town.get("/collections/requests/map", params=query)
    assert answer.status_code == 400
    assert answer.json()["detail"]
