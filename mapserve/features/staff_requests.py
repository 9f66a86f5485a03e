"""Requests as features for the staff: hidden ones too, with who sees to them and how they came."""

from typing import Any

from mapserve.features import requests
from mapserve.features.source import Bind, Column, Reading, Relation, Source
from mapserve.filters import Selection
from open311.extents import Box

VISIBLE = "(r.visibility = 'public' and {within} or " + (
    "r.visibility in ('pending', 'hidden', 'sensitive') and {within})"
)
"""Two conditions, for there is an index for each. Erased ones are nobody's any more."""

_TRANSLATION = """(select t.text from translation t
    where t.jurisdiction_id = r.jurisdiction_id
        and t.service_request_id = r.service_request_id)"""
_RECORDINGS = """(select string_agg(:address || '/media/' || m.object_key, ' '
        order by m.created_at, m.position)
    from media m
    where m.jurisdiction_id = r.jurisdiction_id
        and m.service_request_id = r.service_request_id and m.access = 'staff')"""

COLUMNS = (
    *requests.COLUMNS,
    Column(
        "visibility",
        "string",
        "r.visibility",
        "public; pending (not issued yet), hidden or sensitive: not public",
    ),
    Column("team", "string", "r.team", "The team that sees to it"),
    Column("assignee", "string", "r.assignee", "Who of the team does"),
    Column("channel", "string", "r.channel", "How it was reported"),
    Column("language", "string", "r.language", "The language it was reported in"),
    Column("translation", "string", _TRANSLATION, "What was reported, as a program translated it"),
    Column(
        "second_opinion",
        "string",
        "r.reading ->> 'second_opinion'",
        "The service that a language model would choose",
    ),
    Column(
        "recordings",
        "string",
        _RECORDINGS,
        "Where what the reporter said can be heard, with an account: addresses, a space between",
    ),
    Column("urgency", "integer", "r.urgency", "How soon it needs seeing to"),
    Column(
        "parent_service_request_id",
        "string",
        "r.parent_service_request_id",
        "The request that this one repeats",
    ),
)


async def _relate(reading: Reading, selection: Selection) -> Relation:
    condition, values = selection.where()
    names: dict[str, Any] = {"jurisdiction_id": reading.city.jurisdiction_id, **values}
    names["address"] = reading.settings.address
    where = "r.jurisdiction_id = :jurisdiction_id and r.visibility <> 'erased'" + condition
    return Relation(requests.TABLES, where, names)


def _near(box: Box, bind: Bind) -> str:
    return VISIBLE.format(within=requests.near(box, bind))


SOURCE = Source(
    columns=COLUMNS,
    geometry_type="Point",
    relate=_relate,
    identifier=requests.IDENTIFIER,
    shape="r.geom",
    near=_near,
    instant="requested_datetime",
    of_requests=True,
    tells_requests=True,
)
