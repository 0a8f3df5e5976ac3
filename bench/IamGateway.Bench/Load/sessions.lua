-- Sends one request after another, each of the next session. Arguments: method, path, file, how many
-- were sent before. A line of the file is the value of a Cookie header (GET) or the body of a form (POST).
local requests, at = {}

function init(args)
  local method, path, file = args[1], args[2], args[3]
  at = tonumber(args[4])
  for line in io.lines(file) do
    if method == "POST" then
      local token = line:match("refresh_token=(%w+)")
      requests[#requests + 1] = wrk.format(
        method, path .. "?t=" .. token, { ["Content-Type"] = "application/x-www-form-urlencoded" }, line)
    else
      requests[#requests + 1] = wrk.format(method, path, { ["Cookie"] = line })
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), e.connect + e.read + e.write + e.status + e.timeout))
end
