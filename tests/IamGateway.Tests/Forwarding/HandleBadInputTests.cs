using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// Where a handle cannot be read the request or response passes unharmed, the handle is absent, and a metric says so.
/// </summary>
public sealed class HandleBadInputTests
{
    private const string Form = "application/x-www-form-urlencoded";
    private const int Limit = 64 * 1024;

    private static readonly Dictionary<string, string?> Rules = new()
    {
        ["IamGateway:Sessions:1:Name"] = "token",
        ["IamGateway:Sessions:1:Form"] = "token",
        ["IamGateway:Sessions:1:Path"] = "/token",
        ["IamGateway:Sessions:1:JsonField"] = "token",
        ["IamGateway:Sessions:1:IssuedAt"] = "/token",
        ["IamGateway:Sessions:2:Name"] = "token",
        ["IamGateway:Sessions:2:Query"] = "token",
        ["IamGateway:Sessions:3:Name"] = "sid",
        ["IamGateway:Sessions:3:Form"] = "hint",
        ["IamGateway:Sessions:3:Path"] = "/token",
        ["IamGateway:Sessions:3:Extract"] = "Jwt:sid",
    };

    private static async Task<Gateway> StartAsync(Backend backend)
    {
        var settings = Backend.Settings(backend);
        foreach (var (key, value) in Rules)
            settings[key] = value;
        return await Gateway.StartAsync([], settings);
    }

    private static Task<double> IgnoredAsync(Gateway gateway, string reason) =>
        gateway.MetricAsync($"iamgateway_handles_ignored_total{{reason=\"{reason}\"}}");

    /// <summary>True if a session is recorded under this handle.</summary>
    private static async Task<bool> IsKnownAsync(Gateway gateway, string handle)
    {
        using var found = await gateway.Admin.PostAsJsonAsync("/api/v1/sessions/lookup", new { handle });
        return found.StatusCode == HttpStatusCode.OK;
    }

    /// <summary>Answers with the body it got, byte for byte, and begins a session.</summary>
    private static async Task EchoAsync(HttpContext http)
    {
        http.Response.Headers.Append("Set-Cookie", "IAM_SESSION=mine; Path=/");
        http.Response.ContentType = "application/octet-stream";
        http.Response.Headers["X-Query"] = http.Request.QueryString.Value;
        await http.Request.Body.CopyToAsync(http.Response.Body);
    }

    /// <summary>
    /// A request with a readable token links it to the session; whether it did tells if the token was read.
    /// </summary>
    [Theory]
    [InlineData("a form", Form, "token=t1", true, null)]
    [InlineData("chunked", Form, "token=t1", true, null, false)]
    [InlineData("with charset", Form + "; charset=utf-8", "token=t1", true, null)]
    [InlineData("percent-encoded", Form, "tok%65n=%741", true, null)]
    [InlineData("twice", Form, "token=t1&token=t2", true, "duplicate")]
    [InlineData("twice, the second as a handle", Form, "token=t2&token=t1", false, "duplicate")]
    [InlineData("half an escape", Form, "token=t1%4", false, "undecodable")]
    [InlineData("no hex", Form, "token=t1%zz&x=1", false, "undecodable")]
    [InlineData("JSON", "application/json", "{\"token\":\"t1\"}", false, "form_unreadable")]
    [InlineData("multipart", "multipart/form-data; boundary=b", "token=t1", false, "form_unreadable")]
    [InlineData("no type", null, "token=t1", false, "form_unreadable")]
    [InlineData("no type, chunked", null, "token=t1", false, "form_unreadable", false)]
    [InlineData("gzip", Form, "token=t1", false, "form_unreadable", true, "gzip")]
    [InlineData("no JWT", Form, "hint=opaque", false, "malformed")]
    [InlineData("a JWT of no JSON", Form, "hint=e30.bm8.x", false, "malformed")]
    [InlineData("a JWT without the claim", Form, "hint=e30.e30.x", false, "malformed")]
    [InlineData("too large", Form, "token=t1&pad=", false, "form_too_large", true, null, Limit + 1)]
    [InlineData("too large, chunked", Form, "token=t1&pad=", false, "form_too_large", false, null, Limit + 1)]
    [InlineData("as large as may be, chunked", Form, "token=t1&pad=", true, null, false, null, Limit)]
    [InlineData("huge, chunked", Form, "token=t1&pad=", false, "form_too_large", false, null, 3 * 1024 * 1024)]
    public async Task RequestBody_AnyForm_IsForwardedByteForByteAndReadOrCounted(
        string what, string? type, string body, bool isRead, string? reason, bool hasLength = true,
        string? encoding = null, int size = 0)
    {
        await using var backend = await Backend.StartAsync("8.2.1", EchoAsync);
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        client.BaseAddress = gateway.Proxy;
        using var begun = await client.GetAsync("/");
        var bytes = Encoding.ASCII.GetBytes(body.PadRight(size, 'x'));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/token");
        request.Headers.Add("Cookie", "IAM_SESSION=mine");
        request.Content = new ByteArrayContent(bytes);
        if (type is not null)
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (encoding is not null)
            request.Content.Headers.ContentEncoding.Add(encoding);
        request.Headers.TransferEncodingChunked = !hasLength;

        using var response = await client.SendAsync(request);

        Assert.Equal(bytes, await response.Content.ReadAsByteArrayAsync());
        Assert.True(isRead == await IsKnownAsync(gateway, "t1"), what);
        foreach (var each in Reasons)
            Assert.Equal((what, each, each == reason ? 1 : 0), (what, each, await IgnoredAsync(gateway, each)));
    }

    private static readonly string[] Reasons =
    [
        "undecodable", "duplicate", "malformed", "form_unreadable", "form_too_large", "body_encoded", "body_too_large",
        "body_malformed",
    ];

    [Theory]
    [InlineData("?token=t1", true, null)]
    [InlineData("?token=t1&token=t2", true, "duplicate")]
    [InlineData("?token=t1%", false, "undecodable")]
    [InlineData("?token=%zz", false, "undecodable")]
    // What a signature may be over: escapes that need not be, in either case, and what is not escaped and might be.
    [InlineData("?token=%74%31&a=%7E*%2a%2F%2f'(|)\"", true, null)]
    [InlineData("?token=", false, null)]
    public async Task Query_AnyForm_IsForwardedAsItIsAndReadOrCounted(string query, bool isRead, string? reason)
    {
        await using var backend = await Backend.StartAsync("8.2.1", EchoAsync);
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        client.BaseAddress = gateway.Proxy;
        using var begun = await client.GetAsync("/");
        client.DefaultRequestHeaders.Add("Cookie", "IAM_SESSION=mine");

        using var response = await client.GetAsync(new Uri(
            gateway.Proxy + query, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));

        Assert.Equal(query, response.Headers.GetValues("X-Query").Single());
        Assert.Equal(isRead, await IsKnownAsync(gateway, "t1"));
        foreach (var each in Reasons)
            Assert.Equal((each, each == reason ? 1 : 0), (each, await IgnoredAsync(gateway, each)));
    }

    [Theory]
    [InlineData("JSON", "application/json", "{\"token\":\"t1\"}", true, null)]
    [InlineData("chunked", "application/json", "{\"token\":\"t1\"}", true, null, false)]
    [InlineData("no JSON", "application/json", "{\"token\":\"t1\"", false, "body_malformed")]
    [InlineData("a number", "application/json", "{\"token\":1}", false, null)]
    [InlineData("text", "text/plain", "{\"token\":\"t1\"}", false, null)]
    [InlineData("gzip", "application/json", "{\"token\":\"t1\"}", false, "body_encoded", true, true)]
    [InlineData("gzip, chunked", "application/json", "{\"token\":\"t1\"}", false, "body_encoded", false, true)]
    [InlineData("too large", "application/json", "{\"token\":\"t1\"}", false, "body_too_large", true, false, Limit + 1)]
    [InlineData(
        "too large, chunked", "application/json", "{\"token\":\"t1\"}", false, "body_too_large", false, false,
        Limit + 1)]
    [InlineData("as large as may be", "application/json", "{\"token\":\"t1\"}", true, null, false, false, Limit)]
    [InlineData(
        "huge, chunked", "application/json", "{\"token\":\"t1\"}", false, "body_too_large", false, false,
        3 * 1024 * 1024)]
    public async Task ResponseBody_AnyForm_IsPassedOnByteForByteAndReadOrCounted(
        string what, string type, string body, bool isRead, string? reason, bool hasLength = true,
        bool isGzip = false, int size = 0)
    {
        var bytes = Encoding.ASCII.GetBytes(body.PadRight(size));
        if (isGzip)
        {
            using var packed = new MemoryStream();
            await using (var gzip = new GZipStream(packed, CompressionMode.Compress))
                await gzip.WriteAsync(bytes);
            bytes = packed.ToArray();
        }

        await using var backend = await Backend.StartAsync("8.2.1", async http =>
        {
            http.Response.ContentType = type;
            if (isGzip)
                http.Response.Headers.ContentEncoding = "gzip";
            if (hasLength)
                http.Response.ContentLength = bytes.Length;
            await http.Response.Body.WriteAsync(bytes);
        });
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient();

        using var response = await client.GetAsync(
            new Uri(gateway.Proxy, "/token"), HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(hasLength ? bytes.Length : null, response.Content.Headers.ContentLength);
        Assert.Equal(bytes, await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(isGzip ? ["gzip"] : [], response.Content.Headers.ContentEncoding);
        Assert.True(isRead == await IsKnownAsync(gateway, "t1"), what);
        foreach (var each in Reasons)
            Assert.Equal((what, each, each == reason ? 1 : 0), (what, each, await IgnoredAsync(gateway, each)));
    }

    [Theory]
    [InlineData("/token", "")]
    [InlineData("/tokens", "gzip, br")]
    public async Task AcceptEncoding_WhereAResponseIsRead_IsNotAskedFor(string path, string expected)
    {
        await using var backend = await Backend.StartAsync(
            "8.2.1", http => http.Response.WriteAsync(http.Request.Headers.AcceptEncoding.ToString()));
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient();
        client.DefaultRequestHeaders.Add("Accept-Encoding", "gzip, br");

        Assert.Equal(expected, await client.GetStringAsync(new Uri(gateway.Proxy, path)));
    }

    [Fact]
    public async Task ResponseBody_BreaksOffWhereItIsRead_ClientSeesNoCompleteAnswer()
    {
        await using var backend = await Backend.StartAsync("8.2.1", async http =>
        {
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync("{\"token\":");
            await http.Response.Body.FlushAsync();
            http.Abort();
        });
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient();

        using var response = await client.GetAsync(new Uri(gateway.Proxy, "/token"));

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }
}
