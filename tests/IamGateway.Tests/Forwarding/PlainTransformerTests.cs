using System.Net.Sockets;
using System.Text;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// A route that names no transforms and one that names those which YARP has anyway send the same to the instance, and
/// answer the same.
/// </summary>
public sealed class PlainTransformerTests
{
    private const string Parent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

    public static TheoryData<string> Requests =>
    [
        "GET /a/b?c=d HTTP/1.1\nHost: iam.example",
        "GET /a%2fb/../c HTTP/1.1\nHost: iam.example:8443\nAccept: text/html\nAccept-Language: de",
        "GET / HTTP/1.1\nHost: iam.example\nX-Forwarded-For: 198.51.100.9\nX-Forwarded-For: 198.51.100.8",
        "GET / HTTP/1.1\nHost: iam.example\nx-forwarded-proto: https\nX-Forwarded-Host: evil\nX-Forwarded-Prefix: /p",
        "GET / HTTP/1.1\nHost: iam.example\nForwarded: for=1.2.3.4\nX-Real-IP: 1.2.3.4\nX-Original-For: 1.2.3.4",
        "GET / HTTP/1.1\nHost: iam.example\nCookie: IAM_SESSION=5e551011c0ffee42; a=b\nX-Odd: a\nX-Odd: b",
        "GET / HTTP/1.1\nHost: iam.example\ntracestate: a=b\nTE: trailers\nConnection: TE, close",
        "HEAD /a HTTP/1.1\nHost: iam.example\nIf-None-Match: \"x\"\nRange: bytes=0-1",
        "OPTIONS * HTTP/1.1\nHost: iam.example",
        "GET http://other.example/a HTTP/1.1\nHost: other.example",
        "GET /ä HTTP/1.1\nHost: iam.example",
        "DELETE /a HTTP/1.1\nHost: iam.example\nContent-Length: 0",
        "PUT /a HTTP/1.1\nHost: iam.example\nContent-Type: text/plain; charset=utf-8\nContent-Length: 3\n\na=b",
        "POST /a HTTP/1.1\nHost: iam.example\nTransfer-Encoding: chunked\nContent-Language: de\n\n1\nx\n0\n\n",
    ];

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Request_ThroughARouteWithoutTransforms_IsWhatYarpMakesOfIt(string request)
    {
        foreach (var settings in new (string, string?)[][]
        {
            [],
            [("IamGateway:Edge:TrustedNetworks:0", "127.0.0.0/8")],
            [("ReverseProxy:Clusters:iam:Destinations:a:Host", "inner.example")],
        })
        {
            var plain = await ExchangeAsync(request, settings);
            var transformed = await ExchangeAsync(
                request, [.. settings, ("ReverseProxy:Routes:iam:Transforms:0:RequestHeadersCopy", "true")]);

            Assert.Equal(transformed, plain);
            Assert.True(
                plain.Seen.Length > 0 || plain.Answer.StartsWith("HTTP/1.1 400", StringComparison.Ordinal),
                plain.Answer);
        }
    }

    /// <summary>What the instance got, and what the client.</summary>
    private static async Task<(string Seen, string Answer)> ExchangeAsync(
        string request, (string Key, string? Value)[] settings)
    {
        var seen = new StringBuilder();
        await using var iam = await Backend.StartAsync("8.2.1", async http =>
        {
            using var body = new StreamReader(http.Request.Body);
            seen.Append(http.Request.Method).Append(' ')
                .AppendLine(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
            foreach (var (name, values) in http.Request.Headers.OrderBy(h => h.Key, StringComparer.Ordinal))
                seen.Append(name).Append(": ").AppendLine(string.Join(" | ", values.AsEnumerable()));
            seen.AppendLine(await body.ReadToEndAsync());
            http.Response.Headers.SetCookie = new(["a=b; Path=/", "c=d"]);
            http.Response.Headers["X-Odd"] = "1";
            http.Response.ContentType = "text/plain";
            await http.Response.WriteAsync("answer");
        });
        var all = Backend.Settings(iam);
        foreach (var (key, value) in settings)
            all[key] = value;
        await using var gateway = await Gateway.StartAsync([], all);
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Proxy.Host, gateway.Proxy.Port);
        var answer = await SendAsync(client, request);
        return (seen.Replace($":{iam.Address.Port}", "").ToString(), answer);
    }

    private static async Task<string> SendAsync(TcpClient client, string request)
    {
        var (head, body) = request.Split("\n\n", 2) is [var first, var rest] ? (first, rest) : (request, "");
        if (!head.Contains("Connection:", StringComparison.Ordinal))
            head += "\nConnection: close";
        head += $"\ntraceparent: {Parent}\n\n";
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(
            (head + body).Replace("\n", "\r\n", StringComparison.Ordinal)));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        // A refused request is answered by the gateway, with the time.
        return string.Join('\n', (await reader.ReadToEndAsync()).Split('\n').Where(
            l => !l.StartsWith("Date:", StringComparison.Ordinal)));
    }
}
