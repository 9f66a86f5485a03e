"""The tables of the map: what changed on it, counts, boundaries, places, teams and datasets."""

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from open311 import message_tables, model_tables  # noqa: F401 -- TENANT_TABLES has them
from open311.account_tables import access_token, account
from open311.schema import EMPTY_ARRAY, EMPTY_LIST, EMPTY_OBJECT, instant, metadata, tenant
from open311.tables import jurisdiction

relayed = Table(
    "relayed",
    metadata,
    tenant(),
    Column("batch", BigInteger, Identity(always=True), primary_key=True),
    Column("last_event", BigInteger, nullable=False, comment="number of the newest event"),
    Column(
        "quadkeys",
        ARRAY(BigInteger),
        comment="points whose tiles changed; null when any may have",
    ),
    instant("at", now=True),
    Index("relayed_batch_idx", "batch", unique=True),
)

map_change = Table(
    "map_change",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "sign",
        SmallInteger,
        nullable=False,
        comment="1: a request came onto the map, -1: it left; 0: too many to list",
    ),
    Column("service_code", Text),
    instant("requested_datetime", null=True),
    Column("days", SmallInteger, comment="see days_code; null of an open request"),
    Column("cells", ARRAY(BigInteger)),
    Column("quadkey", BigInteger),
)

hex_rollup = Table(
    "hex_rollup",
    metadata,
    tenant(),
    Column("resolution", SmallInteger, primary_key=True, autoincrement=False),
    Column("service_code", Text, primary_key=True, comment="empty: all services"),
    Column(
        "month",
        Date,
        primary_key=True,
        comment="first day, in the jurisdiction's time zone; -infinity: all months",
    ),
    Column("cell", BigInteger, primary_key=True, autoincrement=False),
    Column("requests", Integer, nullable=False),
    Column("open", Integer, nullable=False),
    Column(
        "days",
        LargeBinary,
        nullable=False,
        comment="closed requests by days_code: pairs of its two bytes and a count of four, "
        "ascending",
    ),
    Column("median_days", SmallInteger),
    Column("p90_days", SmallInteger),
)

boundary = Table(
    "boundary",
    metadata,
    Column("boundary_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent_code", Text),
    Column("valid_from", Date, nullable=False, comment="first day"),
    Column("valid_to", Date, comment="first day on which it is no longer; null while it is"),
    Column("source", Text, nullable=False, server_default=""),
    Column("geom", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    CheckConstraint(
        "kind in ('country', 'district', 'municipality', 'ward', 'suburb', 'service-area')",
        name="kind",
    ),
    CheckConstraint("valid_to > valid_from", name="span"),
    UniqueConstraint("kind", "code", "valid_from"),
    Index(None, "parent_code", "kind"),
)

boundary_part = Table(
    "boundary_part",
    metadata,
    Column(
        "boundary_id",
        BigInteger,
        ForeignKey("boundary.boundary_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("geom", Geometry("POLYGON", 4326, spatial_index=False), nullable=False),
    Index(None, "geom", postgresql_using="gist"),
    Index(None, "boundary_id"),
    comment="boundaries cut into small pieces: what looks points up",
)

place = Table(
    "place",
    metadata,
    Column("place_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("search", Text, nullable=False, comment="the name as it is looked for"),
    Column("kind", Text, nullable=False),
    Column("municipality_code", Text),
    Column("geom", Geometry("POINT", 4326, spatial_index=False), nullable=False),
    Column("address_id", Text),
    Column("weight", REAL, nullable=False, server_default=text("0")),
    Column("source", Text, nullable=False, server_default=""),
    Index(None, "search"),
    Index(
        "place_alike_idx",
        "search",
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
        postgresql_where=text("address_id is null"),
    ),
    Index(None, "geom", postgresql_using="gist"),
    Index(None, "municipality_code", "address_id"),
)

team = Table(
    "team",
    metadata,
    tenant(),
    Column("team", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("service_codes", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    Column("groups", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    Column(
        "areas",
        ARRAY(Text),
        nullable=False,
        server_default=EMPTY_LIST,
        comment="codes of boundaries of kinds service-area and suburb",
    ),
    Column("wards", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    Column("base", Geometry("POINT", 4326, spatial_index=False)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("position", Integer, nullable=False, server_default=text("0")),
)

dataset = Table(
    "dataset",
    metadata,
    tenant(),
    Column("dataset", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("attribution", Text, nullable=False, server_default=""),
    Column("geometry_type", Text, nullable=False),
    Column(
        "fields",
        JSONB,
        nullable=False,
        server_default=EMPTY_ARRAY,
        comment="list of name and type, in the order of the file",
    ),
    Column("features", Integer, nullable=False),
    Column("bounds", ARRAY(Double), nullable=False, comment="west, south, east, north in degrees"),
    Column(
        "min_zoom",
        SmallInteger,
        nullable=False,
        comment="the first zoom at which there is something to see",
    ),
    Column("access", Text, nullable=False, server_default="nobody"),
    instant("updated_at", now=True),
    Column("keywords", ARRAY(Text), nullable=False, server_default=EMPTY_LIST),
    Column("licence", Text, nullable=False, server_default=""),
    Column("style", JSONB, comment="layers of a MapLibre style; null: what all datasets get"),
    CheckConstraint("access in ('public', 'staff', 'nobody')", name="access"),
)

feature = Table(
    "feature",
    metadata,
    tenant(),
    Column("dataset", Text, primary_key=True),
    Column("feature_id", BigInteger, primary_key=True, autoincrement=False),
    Column("geom", Geometry("GEOMETRY", 4326, spatial_index=False), nullable=False),
    Column("properties", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column(
        "place",
        BigInteger,
        nullable=False,
        comment="the smallest tile around it: its first quadkey, and its zoom in the last five "
        "bits",
    ),
    Column(
        "size",
        REAL,
        nullable=False,
        comment="longer side in Web Mercator, where the world is 1 wide; 0 of a point",
    ),
    ForeignKeyConstraint(
        ["jurisdiction_id", "dataset"],
        ["dataset.jurisdiction_id", "dataset.dataset"],
        ondelete="CASCADE",
    ),
    Index(None, "jurisdiction_id", "dataset", "place"),
)

layer_upload = Table(
    "layer_upload",
    metadata,
    tenant(),
    Column("upload_id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("about", JSONB, nullable=False),
    Column(
        "source",
        JSONB,
        nullable=False,
        comment="where the file lies in the media store, and how to read it",
    ),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("done", BigInteger, nullable=False, server_default=text("0")),
    Column("size", BigInteger, comment="features of the file; null until it is open"),
    Column("problem", Text),
    Column("outcome", JSONB),
    instant("created_at", now=True),
    instant("finished_at", null=True),
    CheckConstraint("mode in ('replace', 'append')", name="mode"),
    CheckConstraint("state in ('waiting', 'running', 'done', 'failed')", name="state"),
    Index(None, "jurisdiction_id", "created_at"),
)

open_data_file = Table(
    "open_data_file",
    metadata,
    tenant(),
    Column("layer", Text, primary_key=True),
    Column("extension", Text, primary_key=True),
    Column("object_key", Text, nullable=False, comment="where it lies in the media store"),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("sha256", Text, nullable=False, comment="hexadecimal"),
    instant("written_at", now=True),
)

SHARED = (jurisdiction, boundary, boundary_part, place, account, access_token)
TENANT_TABLES = [table for table in metadata.sorted_tables if table not in SHARED]
