namespace IamGateway.Bench.Servers;

/// <summary>A subject that remembers no session before the load comes: bare YARP, HAProxy, nginx.</summary>
internal sealed class PlainSubject(string name, Func<PlainSubject, Backend, string, Task> start) : Subject(name)
{
    public static PlainSubject Yarp() => new("yarp", (me, backend, folder) =>
    {
        me.AddDotnet(
            folder, typeof(PlainSubject).Assembly.Location,
            ["yarp", $"{me.Ports[0]}", .. backend.Old.Select(p => $"http://127.0.0.1:{p}/")]);
        return Task.CompletedTask;
    });

    public static PlainSubject Forwarder() => new("forwarder", (me, backend, folder) =>
    {
        me.AddDotnet(
            folder, typeof(PlainSubject).Assembly.Location,
            ["forwarder", $"{me.Ports[0]}", $"http://127.0.0.1:{backend.Old[0]}/"]);
        return Task.CompletedTask;
    });

    public static PlainSubject HaproxyCookie() => Haproxy("haproxy-cookie", "cookie SRV insert indirect nocache");

    public static PlainSubject HaproxyTable() => Haproxy(
        "haproxy-table", "stick-table type string len 64 size 1m expire 12h\n  stick on req.cook(IAM_SESSION)");

    private static PlainSubject Haproxy(string name, string stickiness) => new(name, async (me, backend, folder) =>
    {
        var file = Path.Combine(folder, "haproxy.cfg");
        await File.WriteAllTextAsync(file, $"""
            global
              nbthread {Environment.ProcessorCount}
              maxconn 8192
            defaults
              mode http
              timeout connect 5s
              timeout client 1h
              timeout server 1h
              http-reuse always
            frontend clients
              bind 127.0.0.1:{me.Ports[0]}
              default_backend iam
            backend iam
              {stickiness}
              server a 127.0.0.1:{backend.Old[0]} cookie a
              server b 127.0.0.1:{backend.Old[1]} cookie b

            """);
        me.Add(new ChildProcess(Path.Combine(folder, "log"), "/usr/sbin/haproxy", ["-db", "-f", file]));
    });

    public static PlainSubject Nginx() => new("nginx", (me, backend, folder) =>
    {
        me.Add(NginxConfig.Start(folder, Environment.ProcessorCount, "", $$"""
            {{Upstream("iam", backend.Old)}}
            server { listen 127.0.0.1:{{me.Ports[0]}}; location / { proxy_pass http://iam; {{KeepAlive}} } }
            """));
        return Task.CompletedTask;
    });

    /// <summary>What people build by hand: each session's version in Redis, drawn with its first request.</summary>
    public static PlainSubject NginxLua() => new("nginx-lua-redis", async (me, backend, folder) =>
    {
        me.Redis = await Redis.StartAsync(folder);
        me.Add(NginxConfig.Start(folder, Environment.ProcessorCount, LuaModules, $$"""
            lua_package_path "/usr/share/lua/5.1/?.lua;;";
            {{Upstream("old", backend.Old)}}
            {{Upstream("new", backend.New)}}
            server {
              listen 127.0.0.1:{{me.Ports[0]}};
              location / {
                set $to "";
                access_by_lua_block {
                  local redis = require("nginx.redis"):new()
                  redis:set_timeout(200)
                  assert(redis:connect("127.0.0.1", {{me.Redis.Port}}))
                  local key = "pin:" .. ngx.var.cookie_IAM_SESSION
                  local pin = redis:get(key)
                  if pin == ngx.null then
                    pin = math.random(100) <= 50 and "new" or "old"
                    redis:set(key, pin, "EX", 43200)
                  end
                  redis:set_keepalive(60000, 64)
                  ngx.var.to = pin
                }
                proxy_pass http://$to; {{KeepAlive}}
              }
            }
            """));
    });

    private const string KeepAlive = "proxy_http_version 1.1; proxy_set_header Connection \"\";";

    private const string LuaModules =
        "load_module /usr/lib/nginx/modules/ndk_http_module.so; load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;";

    private static string Upstream(string name, int[] ports) =>
        $"upstream {name} {{ server 127.0.0.1:{ports[0]}; server 127.0.0.1:{ports[1]}; keepalive 128; }}";

    public override async Task StartAsync(Backend backend, string folder, Load.Load load, BenchOptions options)
    {
        Ports = [ChildProcess.FreePort()];
        await start(this, backend, folder);
        await WaitForPortsAsync();
        var sessions = Load.Session.Many(options.Sessions);
        SessionFile = await WriteSessionsAsync(
            folder, "sessions",
            sessions.Select((s, i) => load.IsForm ? Load.Session.Form(s) : $"{Load.Session.Cookie(s)}; SRV={"ab"[i % 2]}"));
    }
}
