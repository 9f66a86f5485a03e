"""How fast features and pictures are served, as ratios: python -m bench.gis [--rounds 5]

Grows the demo's Cape Town to 20,000 requests in a private PostgreSQL under --folder, and prints:
10,000 features by OGC API and by WFS against TiPG on the same table and against the same columns
copied out by PostgreSQL itself; and a picture of 1024 by 1024 pixels with all the points against
MapServer, started for each picture and kept (Debian: mapserver-bin, python3-mapscript), and against
QGIS Server, likewise (Debian: qgis-server, python3-qgis).
Needs uv, which puts TiPG into the folder.
"""

import asyncio
import os
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from bench.maps import data, peers
from bench.measure import Server, free_port, running
from open311 import db, embedded, logs
from open311.settings import Settings

SIZE, PAGE, SIDE = 20_000, 10_000, 1024
BOX = (18.60, -33.95, 18.68, -33.88)
NAMES = (
    "service_request_id,status,status_notes,service_code,description,agency_responsible,"
    "requested_datetime,updated_datetime,expected_datetime,closed_datetime,address,zipcode,ward"
)
MAPFILE = """MAP
  EXTENT {extent}
  SIZE {side} {side}
  PROJECTION "init=epsg:4326" END
  IMAGECOLOR 255 255 255
  OUTPUTFORMAT NAME "png" DRIVER "AGG/PNG" MIMETYPE "image/png" IMAGEMODE RGBA TRANSPARENT ON END
  SYMBOL NAME "dot" TYPE ELLIPSE POINTS 1 1 END FILLED TRUE END
  WEB METADATA "ows_enable_request" "*" "ows_title" "bench" "ows_srs" "EPSG:4326" END END
  LAYER
    NAME "requests" TYPE POINT STATUS ON
    CONNECTIONTYPE POSTGIS CONNECTION "{connection}" PROCESSING "CLOSE_CONNECTION=DEFER"
    DATA "geom from (select service_request_id, geom, closed_datetime is null as open from
      service_request where jurisdiction_id = '{city}' and geom is not null) as t
      using unique service_request_id using srid=4326"
    CLASSITEM "open"
    CLASS EXPRESSION "t"
      STYLE SYMBOL "dot" SIZE 7 COLOR 193 68 14 OUTLINECOLOR 255 255 255 WIDTH 1.5 END
    END
    CLASS
      STYLE SYMBOL "dot" SIZE 7 COLOR 255 255 255 OUTLINECOLOR 11 92 173 WIDTH 1.5 END
    END
  END
END
"""
HOT = """
import mapscript, sys, time
drawn = mapscript.mapObj(sys.argv[1])
for _ in range(int(sys.argv[2]) + 1):
    begin = time.perf_counter()
    drawn.draw().getBytes()
    print(time.perf_counter() - begin)
"""

PROJECT = """
import sys
from qgis.core import *

app = QgsApplication([], False)
app.initQgis()
source, path = sys.argv[1:]
layer = QgsVectorLayer(source, "requests", "postgres")
assert layer.isValid(), layer.error().message()
looks = [(True, "193,68,14", "255,255,255"), (False, "255,255,255", "11,92,173")]
categories = []
for is_open, fill, ring in looks:
    look = {
        "name": "circle", "color": fill, "outline_color": ring, "size": "7", "size_unit": "Pixel",
        "outline_width": "1.5", "outline_width_unit": "Pixel",
    }
    categories.append(
        QgsRendererCategory(is_open, QgsMarkerSymbol.createSimple(look), str(is_open))
    )
layer.setRenderer(QgsCategorizedSymbolRenderer("open", categories))
project = QgsProject.instance()
project.addMapLayer(layer)
project.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
assert project.write(path)
"""


def ask(url: str) -> float:
    begin = time.perf_counter()
    with urllib.request.urlopen(url) as answer:  # noqa: S310 (our own address)
        answer.read()
    return time.perf_counter() - begin


def median(call: Callable[[], float], rounds: int) -> float:
    """Once to warm up, which does not count."""
    call()
    return statistics.median(call() for _ in range(rounds))


def features(settings: Settings, ours: Server, folder: Path, rounds: int) -> None:
    maps = f"{ours.url}/maps/{data.CITY}"
    wfs = "SERVICE=WFS&VERSION=2.0.0&REQUEST=GetFeature&TYPENAMES=requests"
    with peers.tipg(settings, folder) as tipg:
        theirs = f"{tipg.url}/collections/public.service_request/items?limit={PAGE}"
        theirs += f"&properties={NAMES}&geom-column=geom"
        took = {
            "TiPG": median(lambda: ask(theirs), rounds),
            "COPY": median(lambda: copied(settings), rounds),
            "OGC API": median(
                lambda: ask(f"{maps}/collections/requests/items?limit={PAGE}"), rounds
            ),
            "WFS": median(lambda: ask(f"{maps}/wfs?{wfs}&COUNT={PAGE}"), rounds),
        }
    print(
        f"\n{PAGE:,} features: TiPG {took['TiPG'] * 1e3:.0f} ms, COPY {took['COPY'] * 1e3:.0f} ms"
    )
    for name in ("OGC API", "WFS"):
        times = took["TiPG"] / took[name]
        share = took[name] / took["COPY"]
        print(
            f"  {name} {took[name] * 1e3:.0f} ms: x{times:.1f} as fast as TiPG, x{share:.1f} COPY"
        )


def copied(settings: Settings) -> float:
    """The same columns as text, by psql: what the database alone takes."""
    sql = f"copy (select {NAMES}, st_asgeojson(geom) from service_request where jurisdiction_id = "
    sql += f"'{data.CITY}' limit {PAGE}) to stdout"
    url = db.owner_url(settings).set(drivername="postgresql")
    begin = time.perf_counter()
    target = url.render_as_string(hide_password=False)
    subprocess.run(["psql", "-q", target, "-c", sql], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def pictures(settings: Settings, ours: Server, folder: Path, rounds: int) -> None:
    west, south, east, north = BOX
    query = (
        "SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=requests&STYLES=&SRS=EPSG:4326"
        f"&BBOX={west},{south},{east},{north}&WIDTH={SIDE}&HEIGHT={SIDE}&FORMAT=image/png"
    )
    drawn = median(lambda: ask(f"{ours.url}/maps/{data.CITY}/wms?{query}"), rounds)
    file = folder / "requests.map"
    file.write_text(mapfile(settings))
    cold = median(lambda: started(file, query), rounds)
    program = ["/usr/bin/python3", "-c", HOT, str(file), str(rounds)]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
    hot = statistics.median(map(float, told[1:]))
    theirs = qgis_server(settings, folder, query, rounds)
    print(f"\nA picture of {SIDE} x {SIDE} with {SIZE:,} points: {drawn * 1e3:.0f} ms over HTTP")
    others = {"MapServer, started for each": cold, "MapServer, kept, no HTTP": hot, **theirs}
    for name, other in others.items():
        print(f"  {name}: {other * 1e3:.0f} ms, ours x{other / drawn:.2f} as fast")


def connection(settings: Settings, quote: str = "") -> str:
    """The database as libpq is told of it."""
    url = db.owner_url(settings)
    parts = {"dbname": url.database, "user": url.username, "password": url.password}
    parts |= {"host": url.query.get("host") or url.host, "port": url.query.get("port") or url.port}
    return " ".join(f"{name}={quote}{value}{quote}" for name, value in parts.items() if value)


def mapfile(settings: Settings) -> str:
    extent = " ".join(map(str, BOX))
    return MAPFILE.format(extent=extent, side=SIDE, connection=connection(settings), city=data.CITY)


def qgis_server(settings: Settings, folder: Path, query: str, rounds: int) -> dict[str, float]:
    """Seconds of a picture by QGIS Server, started for each and kept (its own HTTP server)."""
    table = (
        "(select row_number() over () as number, geom, closed_datetime is null as open "
        f"from service_request where jurisdiction_id = '{data.CITY}' and geom is not null)"
    )
    source = f"{connection(settings, chr(39))} key='number' srid=4326 type=Point "
    source += f'table="{table}" (geom)'
    project, home = (folder / "requests.qgs").resolve(), (folder / "qgis").resolve()
    home.mkdir(mode=0o700, exist_ok=True)
    environment = {
        **os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home), "QGIS_PROJECT_FILE": str(project),
    }  # fmt: skip
    made = ["/usr/bin/python3", "-c", PROJECT, source, str(project)]
    subprocess.run(made, check=True, capture_output=True, env=environment)
    own = environment | {"QUERY_STRING": query, "REQUEST_METHOD": "GET"}

    def start() -> float:
        begin = time.perf_counter()
        program = ["/usr/lib/cgi-bin/qgis_mapserv.fcgi"]
        body = subprocess.run(program, check=True, capture_output=True, env=own).stdout
        # an empty picture is smaller
        if b"\x89PNG" not in body[:1000] or len(body) < SIZE:
            raise SystemExit(body[:500])
        return time.perf_counter() - begin

    cold, port = median(start, rounds), free_port()
    command = ["/usr/bin/qgis_mapserver", "-p", str(project), f"127.0.0.1:{port}"]
    kept = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(5)
        hot = median(lambda: ask(f"http://127.0.0.1:{port}/?{query}"), rounds)
    finally:
        kept.terminate()
        kept.wait()
    return {"QGIS Server, started for each": cold, "QGIS Server, kept": hot}


def started(file: Path, query: str) -> float:
    begin = time.perf_counter()
    command = ["mapserv", "-nh", f"QUERY_STRING=map={file}&{query}"]
    settings = file.with_suffix(".conf")
    settings.write_text('CONFIG ENV MS_MAP_PATTERN "." END END')
    environment = {"MAPSERVER_CONFIG_FILE": str(settings)}
    body = subprocess.run(command, check=True, capture_output=True, env=environment).stdout
    if not body.startswith(b"\x89PNG"):
        raise SystemExit(body[:500])
    return time.perf_counter() - begin


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/bench-gis"))
@click.option("--rounds", default=5, show_default=True, help="The median of so many is printed.")
def main(folder: Path, rounds: int) -> None:
    """Print each figure beside what it is measured against."""
    folder.mkdir(parents=True, exist_ok=True)
    given = Settings(var_dir=str(folder), log_level="error")
    logs.configure(given)
    with embedded.running(given) as settings:
        asyncio.run(data.grow(settings, SIZE))
        settings = msgspec.structs.replace(settings, max_tile_features=1_000_000)
        with running(settings, "uvicorn", "open311.app:create_app_from_environment") as ours:
            features(settings, ours, folder, rounds)
            pictures(settings, ours, folder, rounds)


if __name__ == "__main__":
    main()
