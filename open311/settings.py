"""Every setting, its default, its bounds and its meaning."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message is a sentence for the operator."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything an operator can set. The environment variable is the field's name in capitals."""

    host: Annotated[str, Meta(description="Address the server listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port the server listens on.")] = 8311
    public_url: Annotated[
        str,
        Meta(description="Address that clients use, without a trailing slash, for links."),
    ] = ""
    database_url: Annotated[
        str,
        Meta(
            description="PostgreSQL with PostGIS, as a role that may create tables and roles: "
            "`postgresql://user:password@host:5432/name`. Unset: a private cluster under `VAR_DIR`."
        ),
    ] = ""
    redis_url: Annotated[
        str, Meta(description="`redis://host:6379/0`. Unset: a private Redis under `VAR_DIR`.")
    ] = ""
    redis_milliseconds: Annotated[
        Positive, Meta(description="Wait for Redis before doing without it for a moment.")
    ] = 250
    media_url: Annotated[
        str,
        Meta(
            description="Where photos are kept: `file:///path` or `s3://bucket/prefix` (with the "
            "usual `AWS_*` variables for keys, region and endpoint). Unset: `VAR_DIR/media`."
        ),
    ] = ""
    var_dir: Annotated[str, Meta(description="Folder of the embedded services and their data.")] = (
        "var"
    )
    secret_keys: Annotated[
        tuple[str, ...],
        Meta(
            description="Secrets of at least 32 characters, newest first, that personal data is "
            "encrypted with; older ones still decrypt. Required with `DATABASE_URL`; otherwise "
            "made and kept in `VAR_DIR`."
        ),
    ] = ()
    web_processes: Annotated[Positive, Meta(description="Web processes.")] = 1
    worker_processes: Annotated[
        Natural, Meta(description="Queue workers beside the web processes of `open311 serve`.")
    ] = 1
    worker_nice: Annotated[
        int,
        Meta(
            ge=0,
            le=19,
            description="How far those stand back for the web processes, as nice(1) counts it.",
        ),
    ] = 10
    words_dir: Annotated[
        str,
        Meta(
            description="Folder of word lists and rules that are added to the built-in ones, by "
            "which workers read messages ([languages.md](languages.md))."
        ),
    ] = ""
    model_url: Annotated[
        str,
        Meta(
            description="A language model's endpoint of OpenAI's kind, up to `/v1`, that "
            "translates reports for the staff and gives second opinions. Unset: no text leaves."
        ),
    ] = ""
    model_key: Annotated[str, Meta(description="API key for it, if it wants one.")] = ""
    model_name: Annotated[str, Meta(description="Which of its models. Required with it.")] = ""
    model_language: Annotated[
        str, Meta(description="Language that reports are translated into for the staff.")
    ] = "en"
    model_seconds: Annotated[Positive, Meta(description="Time limit of one call of it.")] = 20
    model_retries: Annotated[
        Natural, Meta(description="How often a call that failed is tried again at once.")
    ] = 2
    model_calls_a_day: Annotated[
        Positive, Meta(description="Calls of one jurisdiction, those that fail too, a day (UTC).")
    ] = 1000
    model_answer_days: Annotated[
        Positive, Meta(description="How long its answer to the same question is kept.")
    ] = 7
    model_hours: Annotated[
        Positive, Meta(description="How old a request may get before the model is given up on.")
    ] = 24
    drain_seconds: Annotated[
        Positive, Meta(description="How long a stop waits for requests and tasks under way.")
    ] = 10
    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description="`auto` is text on a terminal and JSON elsewhere."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least level that is logged."),
    ] = "info"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose `X-Forwarded-For` is believed."),
    ] = ()
    pool_size: Annotated[
        Positive, Meta(description="Database connections of one process, at most.")
    ] = 10
    pool_wait_seconds: Annotated[
        Positive, Meta(description="Wait for a free connection before answering 503.")
    ] = 5
    statement_seconds: Annotated[
        Positive, Meta(description="Time limit of one SQL statement of the server.")
    ] = 5
    map_pool_size: Annotated[
        Positive, Meta(description="Database connections of one process for maps, at most.")
    ] = 8
    map_wait_seconds: Annotated[
        Positive, Meta(description="Wait of a map for a free connection before answering 503.")
    ] = 2
    map_statement_seconds: Annotated[
        Positive, Meta(description="Time limit of one SQL statement of a map.")
    ] = 5
    page_features: Annotated[
        Positive, Meta(description="Features of a page of OGC API Features, unless asked.")
    ] = 1000
    max_page_features: Annotated[
        Positive, Meta(description="Most features of one page, of whatever map service.")
    ] = 10_000
    max_counted_features: Annotated[
        Positive,
        Meta(
            description="Up to how many features of a layer the first page says how many there "
            "are; to count millions takes longer than to read a page of them."
        ),
    ] = 1_000_000
    max_tile_features: Annotated[
        Positive, Meta(description="Most requests, or features of a dataset, that one tile shows.")
    ] = 5500
    max_tile_bytes: Annotated[
        Positive, Meta(description="Largest layer of a tile of a dataset, in bytes.")
    ] = 450_000
    max_exports: Annotated[
        Positive, Meta(description="Exports of layers that one process writes at a time.")
    ] = 4
    max_xml_bytes: Annotated[
        Positive, Meta(description="Largest XML, such as a filter, that a map service reads.")
    ] = 1_000_000
    max_sld_bytes: Annotated[
        Positive, Meta(description="Largest style as SLD, of a picture or of a layer.")
    ] = 250_000
    max_style_layers: Annotated[
        Positive,
        Meta(description="Most layers of a style that somebody sends: of SLD, each rule is some."),
    ] = 200
    max_picture_looks: Annotated[
        Positive,
        Meta(
            description="Most looks of a picture in a style that somebody sends: its layers, times "
            "the features that they tell apart."
        ),
    ] = 50_000
    max_picture_features: Annotated[
        Positive, Meta(description="Most features of a layer that a picture of a map shows.")
    ] = 200_000
    max_picture_pixels: Annotated[
        Positive, Meta(description="Most pixels that a picture of a map is wide, or high.")
    ] = 4096
    tile_cache_bytes: Annotated[
        Natural, Meta(description="Memory for tiles in one web process, in bytes.")
    ] = 268_435_456
    max_layer_bytes: Annotated[
        Positive, Meta(description="Largest file of a layer, also once it is unpacked, in bytes.")
    ] = 1_073_741_824
    layer_schemas: Annotated[
        tuple[str, ...],
        Meta(
            description="Schemas of the database whose tables a municipality may publish as "
            "layers: `capetown.gov.za=capetown_gis`, with commas between."
        ),
    ] = ()
    max_dataset_features: Annotated[Positive, Meta(description="Most features of a dataset.")] = (
        2_000_000
    )
    max_dataset_fields: Annotated[Positive, Meta(description="Most fields of a dataset.")] = 100
    max_hex_requests: Annotated[
        Positive,
        Meta(description="Most requests that hexagons of resolution 10 to 12 are made of."),
    ] = 100_000
    max_form_bytes: Annotated[
        Positive, Meta(description="Largest URL-encoded or JSON body of a POST.")
    ] = 262_144
    max_form_fields: Annotated[Positive, Meta(description="Most fields of a POST.")] = 500
    max_upload_bytes: Annotated[
        Positive, Meta(description="Largest multipart body, photos included.")
    ] = 15_728_640
    max_media_files: Annotated[Positive, Meta(description="Most photos of one report.")] = 8
    max_image_pixels: Annotated[
        Positive, Meta(description="Largest photo that is decoded, in pixels.")
    ] = 40_000_000
    max_media_side: Annotated[
        Positive, Meta(description="Longest side of a stored photo, in pixels; larger ones shrink.")
    ] = 2560
    thumbnail_side: Annotated[Positive, Meta(description="Longest side of a thumbnail.")] = 400
    media_fetch_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts that photos named by `media_url` are copied from, and no others "
            "ever: `host` over https, `host:port` over http."
        ),
    ] = ()
    max_description: Annotated[
        Positive, Meta(description="Longest description of a request, in characters.")
    ] = 4000
    max_page_size: Annotated[Positive, Meta(description="Most requests in one answer.")] = 1000
    max_range_days: Annotated[
        Positive, Meta(description="Longest span of `start_date` to `end_date`.")
    ] = 90
    bulk_chunk_rows: Annotated[
        Positive, Meta(description="Rows that a bulk download reads at a time.")
    ] = 1000
    repeat_minutes: Annotated[
        Positive, Meta(description="How soon the same report again counts as a likely retry.")
    ] = 10
    duplicate_metres: Annotated[
        Positive,
        Meta(
            description="How near an open request is a possible duplicate, unless its service says."
        ),
    ] = 100
    duplicate_days: Annotated[
        Positive, Meta(description="How recent an open request is one, unless its service says.")
    ] = 30
    address_score: Annotated[
        float,
        Meta(ge=0, le=1, description="From which score on an address in words gets a point."),
    ] = 0.9
    idempotency_hours: Annotated[
        Positive, Meta(description="How long an `Idempotency-Key` is remembered.")
    ] = 24
    rate_window_seconds: Annotated[Positive, Meta(description="Window of all rate limits.")] = 60
    rate_address: Annotated[
        Positive, Meta(description="Requests of one address without a key, a window.")
    ] = 600
    rate_maps: Annotated[Positive, Meta(description="Map requests of one address, a window.")] = (
        6000
    )
    rate_standard: Annotated[
        Positive, Meta(description="Requests of a key of class `standard`, a window.")
    ] = 300
    rate_high: Annotated[
        Positive, Meta(description="Requests of a key of class `high`, a window.")
    ] = 6000
    rate_key_requests: Annotated[
        Positive, Meta(description="API key applications of one address, a window.")
    ] = 5
    rate_reports: Annotated[
        Positive, Meta(description="Reports on the web of one address, a window.")
    ] = 20
    rate_logins: Annotated[
        Positive, Meta(description="Failed logins of one address, a window.")
    ] = 20
    rate_logins_account: Annotated[
        Positive, Meta(description="Failed logins of one account, from wherever, a window.")
    ] = 60
    rate_exempt: Annotated[
        tuple[str, ...],
        Meta(description="Networks without an address limit, and where the demo key has none."),
    ] = ("127.0.0.0/8", "::1/128")
    open_data_formats: Annotated[
        tuple[str, ...],
        Meta(description="Formats that public layers are written in each night; none: not at all."),
    ] = ("gpkg", "csv", "geojson", "parquet")
    open_data_hour: Annotated[
        int,
        Meta(ge=0, le=23, description="Hour of a city's own day from which they are written."),
    ] = 2
    task_lease_seconds: Annotated[
        Positive, Meta(description="A task whose worker died is tried again after this.")
    ] = 60
    task_seconds: Annotated[Positive, Meta(description="Longest time of one try of a task.")] = 600
    task_attempts: Annotated[
        Positive, Meta(description="Tries of a task before it is set aside as dead.")
    ] = 10
    task_days: Annotated[Positive, Meta(description="How long finished tasks are kept.")] = 7
    layer_use_days: Annotated[
        Positive, Meta(description="How long it is kept who used which layer of the staff.")
    ] = 365
    relay_milliseconds: Annotated[
        Positive, Meta(description="Pause of a worker before it relays what is new again.")
    ] = 200
    relay_late_seconds: Annotated[
        Positive, Meta(description="From this wait of an event on, readiness says so.")
    ] = 10
    relay_minutes: Annotated[
        Positive, Meta(description="How long web processes can catch up on what was relayed.")
    ] = 60
    live_milliseconds: Annotated[
        Positive, Meta(description="Pause of a web process before it asks what was relayed.")
    ] = 200
    live_streams: Annotated[
        Positive, Meta(description="Event streams of one web process, at most.")
    ] = 2000
    live_streams_address: Annotated[
        Positive, Meta(description="Event streams of one address in one web process, at most.")
    ] = 200
    live_waiting: Annotated[
        Positive,
        Meta(description="Messages that a slow reader of a stream may lag before it is closed."),
    ] = 1000
    live_send_seconds: Annotated[
        Positive, Meta(description="Time limit of one message to a reader of a stream.")
    ] = 20
    live_heartbeat_seconds: Annotated[
        Positive, Meta(description="Longest silence of an event stream.")
    ] = 15
    live_replay: Annotated[
        Positive,
        Meta(description="Events that a stream makes up for; who missed more is told to reload."),
    ] = 5000

    twilio_account_sid: Annotated[
        str, Meta(description="Account at the message provider (`AC…`).")
    ] = ""
    twilio_auth_token: Annotated[
        str,
        Meta(description="Its token: signs webhooks and opens the API. Required with numbers."),
    ] = ""
    twilio_signing_secret: Annotated[
        str,
        Meta(description="Secret of webhooks signed by SHA-256. Unset: the account's token."),
    ] = ""
    twilio_api_url: Annotated[
        str, Meta(description="The provider's API, and the only host that photos come from.")
    ] = "https://api.twilio.com"
    whatsapp_numbers: Annotated[
        tuple[str, ...],
        Meta(
            description="Our WhatsApp numbers and whose they are: `whatsapp:+27…=capetown.gov.za`; "
            "several cities that share one are joined by `+`, the first keeps its messages."
        ),
    ] = ()
    sms_numbers: Annotated[
        tuple[str, ...], Meta(description="The same of SMS: `+27…=capetown.gov.za`.")
    ] = ()
    message_templates: Annotated[
        tuple[str, ...],
        Meta(
            description="Approved templates by what they say and their language: `status.en=HX…`. "
            "Needed a day after the citizen last wrote; with buttons, where there are choices."
        ),
    ] = ()
    messages_per_second: Annotated[
        Positive, Meta(description="Messages that one worker sends a second, at most.")
    ] = 80
    confirm_seconds: Annotated[
        Positive,
        Meta(description="A report by message that nobody confirmed or changed is filed after."),
    ] = 10
    georeport_url: Annotated[
        str,
        Meta(
            description="GeoReport v2 server that reports by message are filed at, up to `/v2`, "
            "with `{jurisdiction}` for its id. Unset: this one, without a detour."
        ),
    ] = ""
    georeport_key: Annotated[str, Meta(description="API key for it.")] = ""

    @property
    def address(self) -> str:
        """The URL that clients reach the server at, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"
