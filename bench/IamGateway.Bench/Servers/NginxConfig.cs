namespace IamGateway.Bench.Servers;

/// <summary>What every nginx of the bench is told.</summary>
internal static class NginxConfig
{
    public static ChildProcess Start(string folder, int workers, string modules, string http)
    {
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, "nginx.conf");
        // Its workers would be another user, who may not read the folder.
        var user = Environment.IsPrivilegedProcess ? $"user {Environment.UserName};" : "";
        File.WriteAllText(file, $$"""
            {{modules}}
            {{user}}
            daemon off;
            worker_processes {{workers}};
            pid {{folder}}/nginx.pid;
            error_log stderr error;
            events { worker_connections 8192; }
            http {
              access_log off;
              server_tokens off;
              keepalive_requests 1000000000;
              keepalive_timeout 1h;
              client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy;
              fastcgi_temp_path {{folder}}/fastcgi; uwsgi_temp_path {{folder}}/uwsgi; scgi_temp_path {{folder}}/scgi;
              {{http}}
            }
            """);
        return new ChildProcess(
            Path.Combine(folder, "log"), "/usr/sbin/nginx", ["-c", file, "-p", folder, "-e", "stderr"]);
    }
}
