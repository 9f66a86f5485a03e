-- Where rows of history arrive: COPY is refused on tables with row-level security.
create temporary table history_row (
    service_request_id text,
    service_code text,
    status text,
    status_notes text,
    description text,
    agency_responsible text,
    requested_datetime timestamptz(0),
    updated_datetime timestamptz(0),
    expected_datetime timestamptz(0),
    closed_datetime timestamptz(0),
    address text,
    address_id text,
    zipcode text,
    lat double precision,
    long double precision,
    channel text,
    quadkey bigint,
    h3 bigint,
    cells bigint[]
) on commit drop
