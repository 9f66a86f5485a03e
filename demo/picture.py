"""Draw the picture of the README: python -m demo.picture > docs/map.svg

Cape Town's requests of the demo in H3 hexagons, coloured by their number.
"""

import csv
import gzip
import math
from collections import Counter

import click
import h3.api.basic_int as h3

from demo.load import HERE
from geo import cells

RESOLUTION = 10
WIDTH = 760
# viridis, readable by colour-blind people: https://bids.github.io/colormap
COLOURS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725")


def count() -> Counter[int]:
    """Requests by cell."""
    with gzip.open(HERE / "capetown_requests.csv.gz", "rt", newline="") as file:
        return Counter(
            cells.cell_at(float(row["latitude"]), float(row["longitude"]), RESOLUTION)
            for row in csv.DictReader(file)
            if row["latitude"] not in ("", "NA")
        )


def project(lat: float, lon: float) -> tuple[float, float]:
    """Web Mercator, in degrees at the equator."""
    return lon, math.degrees(math.asinh(math.tan(math.radians(lat))))


def colour(number: int, most: int) -> str:
    """By the logarithm: a few cells have most requests."""
    return COLOURS[min(len(COLOURS) - 1, int(len(COLOURS) * math.log1p(number) / math.log1p(most)))]


@click.command()
def main() -> None:
    """Write the picture to standard output."""
    numbers = count()
    shapes = {cell: [project(*corner) for corner in h3.cell_to_boundary(cell)] for cell in numbers}
    xs = [x for shape in shapes.values() for x, _ in shape]
    ys = [y for shape in shapes.values() for _, y in shape]
    scale = WIDTH / (max(xs) - min(xs))
    height = round((max(ys) - min(ys)) * scale)
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">'
        f"<title>Requests in Bellville South, Cape Town, 2020, by hexagon</title>"
        f'<rect width="{WIDTH}" height="{height}" fill="#10141a"/>'
    )
    most = max(numbers.values())
    for cell, shape in shapes.items():
        corners = " ".join(
            f"{(x - min(xs)) * scale:.1f},{(max(ys) - y) * scale:.1f}" for x, y in shape
        )
        print(f'<polygon points="{corners}" fill="{colour(numbers[cell], most)}"/>')
    print("</svg>")


if __name__ == "__main__":
    main()
