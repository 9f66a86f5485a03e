-- Tiles around the demo's requests, zooms 8 to 16; ten connections, 20 ms apart each: 500 a second.
local lon, lat = 18.648, -33.91

function delay()
    return 19
end

function request()
    local zoom = math.random(8, 16)
    local size = 2 ^ zoom
    local x = math.floor((lon + (math.random() - 0.5) * 0.1 + 180) / 360 * size)
    local radians = math.rad(lat + (math.random() - 0.5) * 0.1)
    local y = math.floor((0.5 - math.log(math.tan(math.pi / 4 + radians / 2)) / (2 * math.pi)) * size)
    return wrk.format("GET", "/maps/capetown.gov.za/tiles/requests/" .. zoom .. "/" .. x .. "/" .. y .. ".mvt")
end
