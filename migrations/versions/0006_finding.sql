-- Equal names by a btree, which a city's list of a million addresses does not slow down; names that
-- are only alike among those of places, not among addresses.
drop index place_search_idx;
create index place_search_idx on place (search);
create index place_alike_idx on place using gin (search gin_trgm_ops) where address_id is null;

-- How much each team has to do.
create index service_request_team_idx on service_request (jurisdiction_id, team)
    where closed_datetime is null and team is not null;
