"""Make the demo's data files from the files that the cities publish: see README.md.

python demo/build.py --capetown requests.csv.gz --boston requests.parquet \
    --municipalities municipalities.geojson.gz --neighborhoods neighborhoods.geojson.gz
"""

import gzip
from pathlib import Path

import click
import geopandas
import pandas as pd

HERE = Path(__file__).parent
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

DEPARTMENTS = {
    "BHA_": "Boston Housing Authority",
    "BPS_": "Boston Public Schools",
    "BTDT": "Boston Transportation Department",
    "BWSC": "Boston Water and Sewer Commission",
    "DISB": "Commission for Persons with Disabilities",
    "INFO": "Mayor's 24 Hour Service",
    "ISD": "Inspectional Services Department",
    "No Q": "",
    "PARK": "Parks and Recreation Department",
    "PROP": "Property Management Department",
    "PWDx": "Public Works Department",
}


@click.command()
@click.option("--capetown", type=_FILE, required=True)
@click.option("--boston", type=_FILE, required=True)
@click.option("--neighborhoods", type=_FILE, required=True)
def build(capetown: Path, boston: Path, neighborhoods: Path) -> None:
    """Write the demo's data files from those that the cities publish."""
    write_capetown(capetown)
    write_boston(boston)
    write_boston_boundary(neighborhoods)


def write_capetown(source: Path) -> None:
    """Keep what a request has a place for, and the city's own hexagon to check ours against."""
    rows = pd.read_csv(source, dtype="str", na_values=["NA"]).fillna("")
    suburb = rows["official_suburb"].str.title().str.replace("'S ", "'s ")
    place = suburb.replace({"Uwc": "UWC", "Cput": "CPUT", "Bellville Cbd": "Bellville CBD"})
    kept = pd.DataFrame(
        {
            "notification_number": rows["notification_number"],
            "creation_timestamp": rows["creation_timestamp"],
            "completion_timestamp": rows["completion_timestamp"],
            "department": _plain(rows["department"]),
            "code_group": _plain(rows["code_group"]),
            "code": _plain(rows["code"]),
            "address": place + ", Cape Town",
            "latitude": rows["latitude"],
            "longitude": rows["longitude"],
            "h3_level8_index": rows["h3_level8_index"],
        }
    )
    compression = {"method": "gzip", "compresslevel": 9, "mtime": 0}
    kept.to_csv(HERE / "capetown_requests.csv.gz", index=False, compression=compression)


def write_boston(source: Path) -> None:
    """Keep what a request has a place for; department codes become their names."""
    rows = pd.read_parquet(source)
    place = rows["neighborhood"].fillna("")
    kept = pd.DataFrame(
        {
            "case_enquiry_id": rows["case_enquiry_id"],
            "open_dt": rows["open_dt"],
            "closed_dt": rows["closed_dt"],
            "case_title": _plain(rows["case_title"]),
            "type": _plain(rows["type"]),
            "department": rows["department"].map(DEPARTMENTS),
            "address": place.where(place == "", place + ", Boston"),
            "latitude": rows["latitude"],
            "longitude": rows["longitude"],
            "source": rows["source"],
        }
    )
    kept.to_parquet(HERE / "boston_requests.parquet", compression="zstd", index=False)


def write_boston_boundary(source: Path) -> None:
    """Dissolve the neighbourhoods into one outline."""
    outline = geopandas.read_file(f"/vsigzip/{source}").geometry.make_valid().union_all()
    feature = geopandas.GeoSeries([outline], crs=4326).to_json(drop_id=True)
    with gzip.GzipFile(HERE / "boston.geojson.gz", "wb", mtime=0) as file:
        file.write(feature.encode())


def _plain(texts: "pd.Series[str]") -> "pd.Series[str]":
    """The texts without doubled blanks."""
    return texts.str.replace(r"\s+", " ", regex=True).str.strip()


if __name__ == "__main__":
    build()
