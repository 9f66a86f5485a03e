"""The tables. Each tenant's rows carry its `jurisdiction_id`, first in every key.

Migrations are written by hand; a test compares them with what stands here.
"""

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from open311.schema import EMPTY_ARRAY, EMPTY_LIST, EMPTY_OBJECT, instant, metadata, tenant, within

jurisdiction = Table(
    "jurisdiction",
    metadata,
    Column("jurisdiction_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("languages", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    Column("contact", Text, nullable=False, server_default=""),
    Column("boundary", Geometry("MULTIPOLYGON", 4326, spatial_index=False)),
    Column("settings", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column(
        "test_of",
        Text,
        ForeignKey("jurisdiction.jurisdiction_id"),
        comment="a test endpoint is a jurisdiction of its own, beside the one it rehearses",
    ),
    instant("changeset", now=True),
    Column("municipality_code", Text, comment="code of its boundary of kind municipality"),
)

service = Table(
    "service",
    metadata,
    tenant(),
    Column("service_code", Text, primary_key=True),
    Column("service_name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("group", Text, nullable=False, server_default=""),
    Column("keywords", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    Column("type", Text, nullable=False, server_default="realtime"),
    Column("attributes", JSONB, nullable=False, server_default=EMPTY_ARRAY),
    Column("sla_hours", Integer),
    Column("duplicate_metres", Integer),
    Column("duplicate_days", Integer),
    Column("sensitive", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("agency_responsible", Text),
    Column("service_notice", Text),
    Column("team", Text),
    Column("position", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("type in ('realtime', 'batch', 'blackbox')", name="type"),
)

reporter = Table(
    "reporter",
    metadata,
    tenant(),
    Column("reporter_id", Text, primary_key=True),
    Column("sealed", LargeBinary, comment="the personal data, encrypted; null once erased"),
    Column("email_hash", LargeBinary),
    Column("phone_hash", LargeBinary),
    Column("device_hash", LargeBinary),
    Column("account_hash", LargeBinary),
    instant("created_at", now=True),
    instant("erased_at", null=True),
    Index(None, "jurisdiction_id", "email_hash", postgresql_where=text("email_hash is not null")),
    Index(None, "jurisdiction_id", "phone_hash", postgresql_where=text("phone_hash is not null")),
)

CLOSED = "status in ('fixed', 'rejected', 'duplicate', 'no_action')"
PUBLIC = text("visibility = 'public'")

service_request = Table(
    "service_request",
    metadata,
    tenant(),
    Column("service_request_id", Text, primary_key=True),
    Column("service_code", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="received"),
    Column("status_notes", Text),
    Column("visibility", Text, nullable=False, server_default="public"),
    Column("description", Text),
    Column("agency_responsible", Text),
    instant("requested_datetime", now=True),
    instant("updated_datetime", now=True),
    instant("expected_datetime", null=True),
    instant("closed_datetime", null=True),
    Column("address", Text),
    Column("address_id", Text),
    Column("zipcode", Text),
    Column("geom", Geometry("POINT", 4326, spatial_index=False)),
    Column("quadkey", BigInteger, comment="Morton key of the point at zoom 24"),
    Column("h3", BigInteger, comment="H3 cell of the point at resolution 12"),
    Column("cells", ARRAY(BigInteger), comment="H3 cells of the point at resolutions 3 to 9"),
    Column(
        "media_urls",
        ARRAY(Text),
        nullable=False,
        server_default=EMPTY_LIST,
        comment="ours as paths (`/media/...`), those that a client named as they came",
    ),
    Column("attributes", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("channel", Text, nullable=False, server_default="api"),
    Column("language", Text),
    Column("urgency", Integer),
    Column("ward", Text),
    Column("team", Text),
    Column("assignee", Text),
    Column("parent_service_request_id", Text, comment="the request that this one duplicates"),
    Column("reporter_id", Text),
    Column("content_hash", LargeBinary, comment="same report, same hash: finds likely repeats"),
    Column("reading", JSONB, comment="what a program read in the description"),
    within("service", "service_code", "service_code"),
    within("reporter", "reporter_id", "reporter_id"),
    CheckConstraint(
        "visibility in ('public', 'pending', 'hidden', 'sensitive', 'erased')", name="visibility"
    ),
    CheckConstraint(f"({CLOSED}) = (closed_datetime is not null)", name="closed"),
    CheckConstraint("(geom is null) = (quadkey is null)", name="quadkey"),
    Index(
        "service_request_requested_idx",
        "jurisdiction_id",
        text("requested_datetime desc"),
        "service_request_id",
        postgresql_where=PUBLIC,
    ),
    Index(
        "service_request_updated_idx",
        "jurisdiction_id",
        "updated_datetime",
        postgresql_where=PUBLIC,
    ),
    Index(
        "service_request_service_idx",
        "jurisdiction_id",
        "service_code",
        text("requested_datetime desc"),
        postgresql_where=PUBLIC,
    ),
    # PostGIS's && is not leakproof, so under row-level security a GiST index is never used
    # (47 times fewer tiles a second); comparisons of bigint are.
    Index("service_request_quadkey_idx", "jurisdiction_id", "quadkey", postgresql_where=PUBLIC),
    Index(
        "service_request_private_quadkey_idx",
        "jurisdiction_id",
        "quadkey",
        postgresql_where=text("visibility <> 'public'"),
    ),
    Index(
        "service_request_team_idx",
        "jurisdiction_id",
        "team",
        postgresql_where=text("closed_datetime is null and team is not null"),
    ),
)

request_update = Table(
    "request_update",
    metadata,
    tenant(),
    Column("update_id", Text, primary_key=True),
    Column("service_request_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("description", Text),
    Column("media_urls", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    instant("updated_datetime", now=True),
    instant("created_at", now=True),
    Column("key_id", Text, comment="the API key that posted it; null for our own"),
    Column("source_update_id", Text, comment="the poster's own number of it"),
    Column("reporter_id", Text),
    Column("attributes", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    within("service_request", "service_request_id", "service_request_id"),
    within("reporter", "reporter_id", "reporter_id"),
    UniqueConstraint("jurisdiction_id", "key_id", "source_update_id"),
    Index(None, "jurisdiction_id", "updated_datetime"),
    Index(None, "jurisdiction_id", "service_request_id"),
)

media = Table(
    "media",
    metadata,
    tenant(),
    Column("media_id", Text, primary_key=True),
    Column("service_request_id", Text),
    Column("update_id", Text),
    Column("position", Integer, nullable=False, server_default=text("0")),
    Column("object_key", Text, nullable=False),
    Column("thumbnail_key", Text),
    Column("content_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("access", Text, nullable=False, server_default="public"),
    Column("reporter_id", Text),
    instant("created_at", now=True),
    CheckConstraint("access in ('public', 'staff')", name="access"),
    within("service_request", "service_request_id", "service_request_id"),
    within("request_update", "update_id", "update_id"),
    within("reporter", "reporter_id", "reporter_id"),
    Index(None, "jurisdiction_id", "service_request_id"),
    Index(None, "jurisdiction_id", "object_key"),
    Index(None, "jurisdiction_id", "reporter_id"),
)

token = Table(
    "token",
    metadata,
    tenant(),
    Column("token", Text, primary_key=True),
    Column("service_request_id", Text, nullable=False),
    instant("issued_datetime", null=True),
    within("service_request", "service_request_id", "service_request_id"),
)

api_key = Table(
    "api_key",
    metadata,
    tenant(),
    Column("key_id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("rate_class", Text, nullable=False, server_default="standard"),
    Column("channel", Text, nullable=False, server_default="api"),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("reporter_id", Text, comment="who asked for it"),
    instant("created_at", now=True),
    instant("revoked_at", null=True),
    within("reporter", "reporter_id", "reporter_id"),
    UniqueConstraint("jurisdiction_id", "digest"),
    CheckConstraint("state in ('pending', 'active', 'revoked')", name="state"),
    CheckConstraint("rate_class in ('standard', 'high', 'demo')", name="rate_class"),
)

idempotency = Table(
    "idempotency",
    metadata,
    tenant(),
    Column("key_id", Text, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", JSONB, nullable=False),
    instant("created_at", now=True),
    Index(None, "jurisdiction_id", "created_at"),
)

event = Table(
    "event",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="the id of what changed"),
    Column("actor", Text, nullable=False),
    instant("at", now=True),
    Column("before", JSONB),
    Column("after", JSONB),
    Column(
        "number", BigInteger, comment="place in the jurisdiction's feed; null until it is relayed"
    ),
    Index("event_number_idx", "jurisdiction_id", "number", unique=True),
    Index("event_new_idx", "jurisdiction_id", "id", postgresql_where=text("number is null")),
    Index(None, "jurisdiction_id", "subject"),
)

task = Table(
    "task",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("dedupe_key", Text, nullable=False),
    Column("payload", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("run_after", now=True),
    instant("lease_until", null=True),
    Column("last_error", Text),
    instant("created_at", now=True),
    instant("finished_at", null=True),
    UniqueConstraint("jurisdiction_id", "kind", "dedupe_key"),
    CheckConstraint("state in ('waiting', 'running', 'done', 'dead')", name="state"),
    Index("task_due_idx", "run_after", postgresql_where=text("state in ('waiting', 'running')")),
)
