"""Points and the municipalities around them: well-known places, borders, holes, and brute force."""

import numpy as np
import pytest
import shapely

from geo import routing
from geo.boundary_files import Boundary, packaged
from geo.routing import NotHere, Router

NUMBER = 100_000
KNOWN = {
    "Cape Town, Grand Parade": (-33.9252, 18.4264, "CPT"),
    "Khayelitsha": (-34.0379, 18.6766, "CPT"),
    "Robben Island": (-33.8076, 18.3712, "CPT"),
    "Simon's Town": (-34.1925, 18.4330, "CPT"),
    "Stellenbosch": (-33.9344, 18.8640, "WC024"),
    "Paarl": (-33.7342, 18.9621, "WC023"),
    "George": (-33.9630, 22.4617, "WC044"),
    "Gqeberha": (-33.9608, 25.6022, "NMA"),
    "East London": (-33.0153, 27.9116, "BUF"),
    "Mthatha": (-31.5889, 28.7844, "EC157"),
    "Durban": (-29.8587, 31.0218, "ETH"),
    "Umlazi": (-29.9706, 30.8844, "ETH"),
    "Pietermaritzburg": (-29.6006, 30.3794, "KZN225"),
    "Richards Bay": (-28.7807, 32.0383, "KZN282"),
    "Johannesburg": (-26.2041, 28.0473, "JHB"),
    "Soweto": (-26.2678, 27.8585, "JHB"),
    "Pretoria": (-25.7479, 28.2293, "TSH"),
    "Tembisa": (-25.9964, 28.2268, "EKU"),
    "Bloemfontein": (-29.0852, 26.1596, "MAN"),
    "Ficksburg": (-28.8732, 27.8774, "FS191"),
    "Ladybrand": (-29.1929, 27.4579, "FS196"),
    "Kimberley": (-28.7282, 24.7499, "NC091"),
    "Upington": (-28.4478, 21.2561, "NC087"),
    "Springbok": (-29.6643, 17.8865, "NC062"),
    "Alexander Bay": (-28.6080, 16.5040, "NC061"),
    "Mahikeng": (-25.8652, 25.6442, "NW383"),
    "Rustenburg": (-25.6676, 27.2421, "NW373"),
    "Polokwane": (-23.9045, 29.4689, "LIM354"),
    "Musina": (-22.3465, 30.0416, "LIM341"),
    "Thohoyandou": (-22.9456, 30.4850, "LIM343"),
    "Mbombela": (-25.4753, 30.9694, "MP326"),
    "Komatipoort": (-25.4332, 31.9552, "MP324"),
    "Oshoek": (-26.2120, 30.9890, "MP301"),
}
ABROAD = {
    "Maseru": (-29.3158, 27.4869, "Lesotho"),
    "Maputsoe, across the bridge": (-28.8866, 27.8992, "Lesotho"),
    "Gaborone": (-24.6545, 25.9086, "Botswana"),
    "Lobatse": (-25.2244, 25.6774, "Botswana"),
    "Mbabane": (-26.3167, 31.1333, "Eswatini"),
    "Lobamba": (-26.4667, 31.2000, "Eswatini"),
    "Maputo": (-25.9655, 32.5832, "Mozambique"),
    "Beitbridge": (-22.2167, 30.0000, "Zimbabwe"),
    "Oranjemund": (-28.5500, 16.4300, "Namibia"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_places(name: str) -> None:
    lat, lon, code = KNOWN[name]
    found = routing.south_africa().route(lat, lon)
    assert found.municipality == code
    assert found.ward


@pytest.mark.parametrize("name", ABROAD)
def test_other_countries_are_told_by_name(name: str) -> None:
    lat, lon, country = ABROAD[name]
    with pytest.raises(NotHere, match=f"lie in {country}"):
        routing.south_africa().route(lat, lon)


@pytest.mark.parametrize("point", [(-35.5, 17.0), (51.5, -0.1), (-19.98, 23.41)])
def test_far_from_everything(point: tuple[float, float]) -> None:
    with pytest.raises(NotHere, match="no municipality, nor within 50 km"):
        routing.south_africa().route(*point)


def test_in_the_sea_it_is_the_nearest_and_says_so() -> None:
    found = routing.south_africa().route(-34.2, 18.05)
    assert (found.municipality, found.how) == ("CPT", "nearest")
    assert 24_000 < found.metres < 27_000


def square(code: str, west: float, south: float, east: float, north: float) -> Boundary:
    area = shapely.MultiPolygon([shapely.box(west, south, east, north)])
    return Boundary(code, code, None, area)


def test_borders_overlaps_and_holes_have_one_answer() -> None:
    ring = shapely.box(0, -3, 3, 0) - shapely.box(1, -2, 2, -1)
    around = Boundary("RING", "RING", None, shapely.MultiPolygon([ring]))
    hole = square("HOLE", 1, -2, 2, -1)
    router = Router([around, hole, square("B", 3, -3, 6, 0), square("A", 5, -3, 8, 0)])
    assert router.route(-1.5, 1.5).municipality == "HOLE"
    assert router.route(-1.0, 1.5).municipality == "HOLE"  # on the border of both
    assert router.route(-0.5, 0.5).municipality == "RING"
    assert router.route(-1.5, 3.0).municipality == "B"  # on a common border the smaller code
    assert router.route(-1.5, 5.5).municipality == "A"  # where they overlap too
    assert router.route(0.1, 4.0).how == "nearest"


def test_a_hundred_thousand_points_as_brute_force_has_them() -> None:
    chance = np.random.default_rng(3)
    lats, lons = chance.uniform(-35.0, -22.0, NUMBER), chance.uniform(16.4, 33.0, NUMBER)
    router = routing.south_africa()
    found, wards = router.route_many(lats, lons)
    codes, ward_codes = router.codes()
    expected = np.full(NUMBER, "", dtype=object)
    points = np.asarray(shapely.points(lons, lats))
    for each in sorted(packaged("za_municipalities"), key=lambda b: b.code, reverse=True):
        expected[shapely.intersects(each.area, points)] = each.code
    told = np.array([*codes, ""], dtype=object)[found]
    assert (told == expected).all()
    parents = {ward.code: ward.parent_code for ward in packaged("za_wards")}
    inside = np.flatnonzero((found >= 0) & (wards >= 0))
    agreeing = sum(parents[ward_codes[wards[n]]] == codes[found[n]] for n in inside)
    # simplified outlines: at municipal borders a few lie in a ward of the neighbour
    assert agreeing / len(inside) > 0.999
    assert len(inside) == (found >= 0).sum()
