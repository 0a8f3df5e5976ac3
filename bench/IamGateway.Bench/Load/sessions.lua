-- Sends one request after another, each of the next session. Arguments: method, path, file, how many
-- were sent before. A line of the file is the value of a Cookie header (GET) or the body of a form (POST); all are of
-- one length. They are read as they are sent, as a million of them take longer to make than to send.
local path, head, tail, file

function init(args)
  local method, at = args[1], tonumber(args[4])
  path = args[2]
  if method ~= "POST" then
    head, tail = wrk.format(method, path, { ["Cookie"] = "LINE" }):match("^(.*)LINE(.*)$")
  end
  file = assert(io.open(args[3], "r"))
  local length = #file:read("*L")
  file:seek("set", at * length % file:seek("end"))
end

local function next_line()
  local line = file:read("*l")
  if not line then
    file:seek("set", 0)
    line = file:read("*l")
  end
  return line
end

function request()
  local line = next_line()
  if head then
    return head .. line .. tail
  end
  local token = line:match("refresh_token=(%w+)")
  return wrk.format("POST", path .. "?t=" .. token, { ["Content-Type"] = "application/x-www-form-urlencoded" }, line)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), e.connect + e.read + e.write + e.status + e.timeout))
end
