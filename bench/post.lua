-- A report of a pothole with an email, each at a place of its own.
local number = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"

request = function()
  number = number + 1
  local body = string.format(
    "api_key=demo&service_code=POTHOLE&lat=-33.92%04d&long=18.65&description=number+%d&email=a%d%%40example.org",
    number % 10000, number, number)
  return wrk.format(nil, "/open311/capetown.gov.za/v2/requests.json", nil, body)
end
