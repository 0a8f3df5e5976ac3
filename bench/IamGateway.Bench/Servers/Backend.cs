namespace IamGateway.Bench.Servers;

/// <summary>
/// The instances that all subjects stand in front of: one nginx with a port for each, which answers out of memory, so
/// that the proxies are what is measured. Two run version 1.0.0, two run 2.0.0.
/// </summary>
internal sealed class Backend : IDisposable
{
    public const string OldVersion = "1.0.0";
    public const string NewVersion = "2.0.0";
    private readonly ChildProcess _nginx;

    private Backend(ChildProcess nginx, int[] old, int[] newer) => (_nginx, Old, New) = (nginx, old, newer);

    public int[] Old { get; }

    public int[] New { get; }

    public static async Task<Backend> StartAsync(string folder)
    {
        int[] old = [ChildProcess.FreePort(), ChildProcess.FreePort()];
        int[] newer = [ChildProcess.FreePort(), ChildProcess.FreePort()];
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "large"), new string('x', 16 * 1024));
        var nginx = NginxConfig.Start(folder, 1, "", $$"""
            open_file_cache max=10;
            {{Server(old, OldVersion, folder)}}
            {{Server(newer, NewVersion, folder)}}
            """);
        await nginx.WaitForPortAsync(newer[1]);
        return new Backend(nginx, old, newer);
    }

    private static string Server(int[] ports, string version, string folder) => $$"""
        server {
          listen 127.0.0.1:{{ports[0]}}; listen 127.0.0.1:{{ports[1]}};
          add_header X-Version {{version}};
          root {{folder}};
          location = /small { return 200 "{{new string('x', 100)}}"; }
          location = /large { }
          location = /login {
            add_header X-Version {{version}};
            add_header Set-Cookie "IAM_SESSION=$arg_s; Path=/; HttpOnly";
            return 200 "welcome";
          }
          location = /token {
            default_type application/json;
            return 200 '{"access_token":"{{new string('a', 64)}}","refresh_token":"$arg_t","expires_in":300}';
          }
        }
        """;

    public void Dispose() => _nginx.Dispose();
}
