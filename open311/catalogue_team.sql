-- One team as the catalogue has it.
insert into team (
    jurisdiction_id, team, name, service_codes, groups, areas, wards, base, active, position
)
values (
    :jurisdiction_id, :team, :name, :service_codes, :groups, :areas, :wards,
    st_setsrid(st_makepoint(:long, :lat), 4326), :active, :position
)
on conflict (jurisdiction_id, team) do update
set name = excluded.name, service_codes = excluded.service_codes, groups = excluded.groups,
    areas = excluded.areas, wards = excluded.wards, base = excluded.base,
    active = excluded.active, position = excluded.position
