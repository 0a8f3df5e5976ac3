using System.Net;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>
/// A gateway before an instance that writes down every byte, and another client. All requests go over one connection
/// to the instance, so that what one client leaves on it the other would get.
/// </summary>
public sealed class DesyncSite : IAsyncLifetime
{
    private readonly RecordingInstance _instance = new();
    private readonly Dictionary<Gateway, HttpClient> _clients = [];
    private Gateway? _http3;
    private string? _usual;
    private int _bystanders;

    internal Pki Pki { get; } = new("of the listener for HTTP/3");

    internal Gateway Http1 { get; private set; } = null!;

    internal Gateway Http2 { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Http1 = await StartAsync("Http1");
        Http2 = await StartAsync("Http2");
        _clients.Add(Http1, Client(Http1, HttpVersion.Version11));
        _clients.Add(Http2, Client(Http2, HttpVersion.Version20));
    }

    /// <summary>The gateway with HTTP/3 beside the others; starts it when it is first asked for.</summary>
    internal async Task<Gateway> StartHttp3Async()
    {
        if (_http3 is not null)
            return _http3;
        var (certificate, key) = Pki.Issue("gateway");
        _http3 = await StartAsync(
            "Http1AndHttp2AndHttp3",
            new Dictionary<string, string?>
            {
                // QUIC and TCP cannot ask the system for the same port.
                ["Kestrel:Endpoints:Proxy:Url"] = $"https://127.0.0.1:{Ports.Next()}",
                ["Kestrel:Endpoints:Proxy:Certificate:Path"] = certificate,
                ["Kestrel:Endpoints:Proxy:Certificate:KeyPath"] = key,
            });
        _clients.Add(_http3, Client(_http3, HttpVersion.Version30));
        return _http3;
    }

    private Task<Gateway> StartAsync(string protocols, Dictionary<string, string?>? settings = null)
    {
        settings ??= [];
        settings["Kestrel:Endpoints:Proxy:Protocols"] = protocols;
        settings["Logging:LogLevel:Default"] = "None";
        settings["ReverseProxy:Clusters:iam:HttpClient:MaxConnectionsPerServer"] = "1";
        settings["ReverseProxy:Clusters:iam:Destinations:a:Address"] = _instance.Address;
        settings["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = "8.2.1";
        return Gateway.StartAsync([], settings);
    }

    private HttpClient Client(Gateway gateway, Version version) => new(
        new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null,
            SslOptions = { CertificateChainPolicy = Pki.ChainPolicy },
        })
    {
        BaseAddress = gateway.Proxy,
        DefaultRequestVersion = version,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    /// <summary>
    /// Lets another client send a request before and one after; gives the requests that are not its own, as the
    /// instance has seen them. Fails if the other client gets a wrong answer or its requests are not what it sent.
    /// </summary>
    internal async Task<(List<RecordedRequest> Seen, bool IsOneConnection)> BetweenAsync(
        Gateway gateway, Func<Task> act)
    {
        _instance.Requests.Clear();
        var client = _clients[gateway];
        await StandByAsync(client);
        await act();
        await StandByAsync(client);
        var seen = _instance.Requests.ToList();
        var others = seen.Where(r => r.Target.StartsWith("/bystander/", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, others.Count);
        foreach (var other in others)
        {
            var number = other.Target[11..];
            Assert.Null(other.Fault);
            Assert.Equal($"body of {number}", other.Body);
            Assert.Equal(_usual ??= Usual(other.Head, number), Usual(other.Head, number));
        }

        return ([.. seen.Except(others)], seen.Select(r => r.Connection).Distinct().Count() == 1);
    }

    private static string Usual(string head, string number) => string.Join('\n', head.Split("\r\n")
        .Where(l => !l.StartsWith("traceparent:", StringComparison.OrdinalIgnoreCase)
            && !l.StartsWith("Host:", StringComparison.Ordinal)
            && !l.StartsWith("X-Forwarded-Host:", StringComparison.Ordinal))
        .Select(l => l.Replace($"/bystander/{number}", "/bystander/N", StringComparison.Ordinal)).Order());

    private async Task StandByAsync(HttpClient client)
    {
        var number = 1000 + Interlocked.Increment(ref _bystanders);
        using var body = new StringContent($"body of {number}");
        using var response = await client.PostAsync($"/bystander/{number}", body);
        Assert.Equal(
            (HttpStatusCode.OK, $"/bystander/{number}"),
            (response.StatusCode, await response.Content.ReadAsStringAsync()));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (gateway, client) in _clients)
        {
            client.Dispose();
            await gateway.DisposeAsync();
        }

        await _instance.DisposeAsync();
        Pki.Dispose();
    }
}
