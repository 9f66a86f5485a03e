"""The OpenAPI 3.1 description of the GeoReport API, and its page for people.

Litestar's own would describe neither the two formats of each answer nor the lenient parameters:
this one is made from the wire structs and from `api.yaml`, which says the rest in words.
"""

from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import yaml
from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency
from litestar.response import Template

from open311 import wire
from open311.bulk import BULK_FORMATS
from open311.codecs import FORMATS
from open311.settings import Settings

Json = dict[str, Any]

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_WORDS = Path(__file__).with_name("api.yaml")
# Not blank: what Python strips is more than what JSON Schema takes for blank.
_SAYS = r"[^\s\x00-\x1f\x85]"
_ANSWERS = {
    "discovery": wire.Discovery,
    "services": list[wire.Service],
    "service_definition": wire.ServiceDefinition,
    "receipts": list[wire.Receipt],
    "tokens": list[wire.Token],
    "requests": list[wire.Request],
    "updates": list[wire.RequestUpdate],
    "update_receipts": list[wire.UpdateReceipt],
    "bulk": list[wire.BulkRequest],
    "errors": list[wire.Error],
}


@cache
def describe(address: str) -> Json:
    """The whole document, for a server at this address."""
    words = yaml.safe_load(_WORDS.read_text())
    answers, components = msgspec.json.schema_components(
        _ANSWERS.values(), ref_template="#/components/schemas/{name}"
    )
    schemas = dict(zip(_ANSWERS, answers, strict=True))
    paths: Json = {}
    for operation in words["operations"]:
        path = operation["path"] + ("" if "{extension}" in operation["path"] else ".{format}")
        described = _operation(operation, words, schemas)
        if operation.get("above"):
            described["servers"] = _servers(address, "")
        paths.setdefault(path, {})[operation["method"]] = described
    return {
        "openapi": "3.1.0",
        "info": words["info"] | {"version": version("open311")},
        "servers": _servers(address, "/v2"),
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": words["security"]},
    }


def _servers(address: str, below: str) -> list[Json]:
    """The base URLs of one jurisdiction and of all."""
    return [
        {
            "url": f"{address}/open311/{{jurisdiction_id}}{below}",
            "description": "One jurisdiction; `jurisdiction_id` is then implied",
            "variables": {"jurisdiction_id": {"default": "capetown.gov.za"}},
        },
        {"url": f"{address}/open311{below}", "description": "All jurisdictions"},
    ]


def _operation(operation: Json, words: Json, schemas: Json) -> Json:
    bulk = "{extension}" in operation["path"]
    names = [] if operation.get("above") else ["jurisdiction_id"]
    names += operation.get("parameters", ())
    formats = list(BULK_FORMATS) if bulk else list(FORMATS)
    described: Json = {
        "operationId": operation["id"],
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "parameters": [
            _path_parameter("extension" if bulk else "format", {"enum": formats}),
            *(_path_parameter(name, {}) for name in operation.get("path_parameters", ())),
            *(_query_parameter(name, words["parameters"][name], operation) for name in names),
            *(
                {"name": name, "in": "header"} | words["headers"][name]
                for name in operation.get("headers", ())
            ),
        ],
        "responses": _responses(operation, schemas, bulk),
    }
    if "body" in operation:
        described["requestBody"] = _body(words["bodies"][operation["body"]])
        described["security"] = [{"api_key": []}, {"bearer": []}]
    return described


def _path_parameter(name: str, schema: Json) -> Json:
    text = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": text | schema}


def _query_parameter(name: str, words: Json, operation: Json) -> Json:
    """A parameter; blank is the same as absent, so a required one may not be blank."""
    required = name in operation.get("required", ())
    schema = words["schema"] | ({"pattern": _SAYS} if required else {})
    given = {"name": name, "in": "query", "required": required, "schema": schema}
    return words | given | ({} if required else {"allowEmptyValue": True})


def _body(words: Json) -> Json:
    """A body in its three encodings; JSON has the attributes in an object."""
    rules, fields = {"type": "object"} | words["rules"], words["fields"]
    form = {"schema": rules | {"properties": fields}}
    content = dict.fromkeys(("application/x-www-form-urlencoded", "multipart/form-data"), form)
    content["application/json"] = {"schema": rules | {"properties": fields | words["json"]}}
    return {"required": True, "content": content}


def _responses(operation: Json, schemas: Json, bulk: bool) -> Json:
    answer = schemas[operation["answer"]]
    media_types = [_bare(f.media_type) for f in (BULK_FORMATS if bulk else FORMATS).values()]
    responses: Json = {
        "200": {
            "description": operation["summary"],
            "content": {kind: {"schema": _schema(kind, answer)} for kind in media_types},
        }
    }
    if operation["method"] == "get" and not bulk:
        responses["304"] = {"description": "You have it already (If-None-Match)."}
    for status in (*operation["errors"], 405, 429, 503):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {
                kind: {"schema": _schema(kind, schemas["errors"])}
                for kind in (_bare(f.media_type) for f in FORMATS.values())
            },
        }
    return responses


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0]


def _schema(media_type: str, schema: Json) -> Json:
    """JSON has the schema; XML is the same under its root element, which JSON Schema cannot say."""
    return schema if media_type == "application/json" else {"type": "string"}


@route("/openapi.json", http_method=_READ)
async def get_openapi(settings: NamedDependency[Settings]) -> Response[bytes]:
    """The description for programs."""
    document = msgspec.json.encode(describe(settings.address))
    return Response(document, media_type="application/json")


@route("/docs", http_method=_READ)
async def get_docs(settings: NamedDependency[Settings]) -> Template:
    """The description for people."""
    return Template("docs.html", context={"api": describe(settings.address)})


routes = [get_openapi, get_docs]
