"""Check rows of history, whole columns at a time, and bring them into the stored form."""

import hashlib
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from msgspec import Struct

from geo.cells import cells_at, map_cells
from geo.tiles import quadkeys
from ingest.history_files import Fault
from open311.identifiers import ALPHABET
from open311.workflow import CLOSED, Status

FIELDS = (
    "service_request_id",
    "service_code",
    "status",
    "status_notes",
    "description",
    "agency_responsible",
    "requested_datetime",
    "updated_datetime",
    "expected_datetime",
    "closed_datetime",
    "address",
    "address_id",
    "zipcode",
    "lat",
    "long",
    "channel",
)
"""What a column of a file can be mapped to."""

STORED = [*FIELDS, "quadkey", "h3", "cells"]
_INSTANTS = [field for field in FIELDS if field.endswith("_datetime")]
_ID = r"[0-9A-Z-]{1,64}"
# ISO 8601 with an offset; dates alone never match, because a time stands before the offset
_OFFSET = r":\d{2}(?:\.\d+)?\s*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_EARLIEST = pd.Timestamp("1900-01-01", tz="UTC")


class Rules(Struct, frozen=True):
    """How the texts of one file are to be understood."""

    zone: ZoneInfo
    date_format: str | None
    services: dict[str, str]
    """Service codes, by what the file may call them: the code itself or the service's name."""


def check(texts: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, list[Fault]]:
    """Split rows of FIELDS (text, indexed by line) into those to store and those at fault.

    The first come back with STORED columns in their types: instants in UTC, degrees, integers.
    """
    texts = _tidy(texts)
    rows = _typed(texts, rules)
    reasons = _reasons(texts, rows)
    refused = texts["service_request_id"].fillna("")[reasons != ""]
    faults = [
        Fault(line, name, reasons[line])
        for line, name in zip(refused.index.tolist(), refused, strict=True)
    ]
    return located(rows[reasons == ""]), faults


def located(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the keys of their points, and the columns in the order of STORED."""
    here = rows["lat"].notna().to_numpy()
    lat, long = rows["lat"].to_numpy()[here], rows["long"].to_numpy()[here]
    for name, keys in (("quadkey", quadkeys(long, lat)), ("h3", cells_at(lat, long))):
        column = pd.Series(pd.NA, index=rows.index, dtype="Int64")
        column[here] = keys
        rows = rows.assign(**{name: column})
    cells = pd.Series(None, index=rows.index, dtype="str")
    cells[here] = [_array(map_cells(*point)) for point in zip(lat, long, strict=True)]
    return rows.assign(cells=cells)[STORED]


def _array(numbers: list[int]) -> str:
    """As PostgreSQL writes an array."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _tidy(texts: pd.DataFrame) -> pd.DataFrame:
    """Every field, without blanks around it or control characters in it; nothing is null."""
    tidy = {}
    for field in FIELDS:
        if field in texts:
            column = texts[field].str.replace(_CONTROLS, "", regex=True).str.strip()
            tidy[field] = column.replace("", None)
        else:
            tidy[field] = pd.Series(None, index=texts.index, dtype="str")
    return pd.DataFrame(tidy)


def _typed(texts: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    rows = texts.copy()
    rows["service_code"] = texts["service_code"].map(rules.services)
    rows["misdated"] = ""
    for field in _INSTANTS:
        rows[field] = _instants(texts[field], rules.zone, rules.date_format)
        rows.loc[texts[field].notna() & rows[field].isna(), "misdated"] = field
    for field in ("lat", "long"):
        rows[field] = pd.to_numeric(texts[field], errors="coerce").astype("float64")
    unnamed = texts["service_request_id"].isna()
    if unnamed.any():
        rows.loc[unnamed, "service_request_id"] = _content_ids(texts[unnamed])
    return _with_status(rows)


def _instants(texts: pd.Series, zone: ZoneInfo, date_format: str | None) -> pd.Series:
    """In UTC; a time without an offset is the zone's own (of an hour that repeats, the first)."""
    if date_format is not None and "%z" in date_format:
        return pd.to_datetime(texts, format=date_format, errors="coerce", utc=True)
    far = texts.str.contains(_OFFSET, regex=True, na=False)
    instants = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    if far.any():
        there = pd.to_datetime(texts[far], format="ISO8601", errors="coerce", utc=True)
        instants.loc[far] = there.dt.as_unit("us")
    if not far.all():
        here = pd.to_datetime(texts[~far], format=date_format or "ISO8601", errors="coerce")
        first = np.ones(len(here), dtype=bool)
        local = here.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
        instants.loc[~far] = local.dt.tz_convert("UTC").dt.as_unit("us")
    return instants


def _with_status(rows: pd.DataFrame) -> pd.DataFrame:
    """Complete status and times: a city's own `open` and `closed` become the nearest of ours."""
    given = rows["status"].str.lower().str.replace(" ", "_")
    implied = rows["closed_datetime"].notna().map({True: "fixed", False: "received"})
    status = given.replace({"open": "received", "closed": "fixed"}).fillna(implied)
    closed = status.isin(list(CLOSED))
    closing = rows["closed_datetime"].fillna(rows["updated_datetime"]).where(closed)
    updated = closing.fillna(rows["updated_datetime"]).fillna(rows["requested_datetime"])
    return rows.assign(
        status=status,
        closed_datetime=closing,
        updated_datetime=updated,
        channel=rows["channel"].fillna("import"),
    )


def _content_ids(texts: pd.DataFrame) -> list[str]:
    """An id for each row that has none, the same whenever the same row is read again."""
    joined = texts.fillna("").agg("\x1f".join, axis=1)
    return [_short_digest(text) for text in joined]


def _short_digest(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10], "big")
    return "H-" + "".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))


def _reasons(texts: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Why each row is refused, or an empty text: the first of these that holds."""
    lat, long = rows["lat"], rows["long"]
    told = {field: texts[field].notna() for field in FIELDS}
    latest = pd.Timestamp.now(tz="UTC") + pd.Timedelta(days=1)
    requested = rows["requested_datetime"]
    closed = rows["status"].isin(list(CLOSED))
    tests = {
        "the id may only hold 0-9, A-Z and -": ~rows["service_request_id"].str.fullmatch(_ID),
        "no service code": ~told["service_code"],
        "unknown service code": rows["service_code"].isna(),
        "unknown status": ~rows["status"].isin(list(Status)),
        "no requested_datetime": ~told["requested_datetime"],
        **{f"{field} is not a date": rows["misdated"] == field for field in _INSTANTS},
        "requested before 1900 or in the future": ~requested.between(_EARLIEST, latest),
        "closed, but neither closed_datetime nor updated_datetime": closed
        & rows["closed_datetime"].isna(),
        "only one of lat and long": told["lat"] != told["long"],
        "lat or long is not a number": (told["lat"] & lat.isna()) | (told["long"] & long.isna()),
        "lat or long is out of range": (lat.abs() > 90) | (long.abs() > 180),
        "lat and long are 0": (lat == 0) & (long == 0),
        "neither a point nor an address": ~(told["lat"] | told["address"] | told["address_id"]),
    }
    masks = [mask.to_numpy(dtype=bool) for mask in tests.values()]
    return pd.Series(np.select(masks, list(tests), default=""), index=rows.index)
