using System.Net;
using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Sessions;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Instances;

/// <summary>The probe against a real server, on a connection that is used afterwards.</summary>
public sealed class VersionProbeTests
{
    private static readonly DiscoveryOptions Field = new() { Path = "/health", JsonField = "version" };

    [Fact]
    public async Task Ask_JsonField_ReadsItAndLeavesTheConnectionUsable()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Request.Path == "/health"
            ? http.Response.WriteAsJsonAsync(new { status = "up", version = "8.2.1" })
            : http.Response.WriteAsync($"served {http.Connection.Id}"));
        await using var connection = await OpenAsync(backend);

        var first = await AskAsync(Field, connection, backend);
        var again = await AskAsync(Field, connection, backend);

        Assert.Equal((V1, null), (first.Version, first.Problem));
        Assert.Equal(V1, again.Version);
        Assert.StartsWith("HTTP/1.1 200", await TalkAsync(connection), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Version", null)]
    [InlineData(null, "release ([0-9.]+)")]
    public async Task Ask_HeaderOrPattern_ReadsIt(string? header, string? pattern)
    {
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers["X-Version"] = "8.2.1";
            http.Response.StatusCode = 503;
            return http.Response.WriteAsync("<p>release 8.2.1</p>");
        });
        await using var connection = await OpenAsync(backend);

        var answer = await AskAsync(
            new DiscoveryOptions { Path = "/", Header = header, Pattern = pattern }, connection, backend);

        Assert.Equal(V1, answer.Version);
    }

    [Theory]
    [InlineData("{\"version\":\"latest\"}", "no version of the form")]
    [InlineData("{\"version\":821}", "has no field version")]
    [InlineData("{\"other\":\"8.2.1\"}", "has no field version")]
    [InlineData("[]", "has no field version")]
    [InlineData("<html>", "has no field version")]
    [InlineData("", "has no field version")]
    public async Task Ask_AnswerWithoutVersion_SaysWhatIsMissing(string body, string problem)
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync(body));
        await using var connection = await OpenAsync(backend);

        var answer = await AskAsync(Field, connection, backend);

        Assert.Null(answer.Version);
        Assert.Contains(problem, answer.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_InstanceThatContradictsItself_ProvesNothing()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers["X-IAM-Version"] = "8.2.1";
            return http.Response.WriteAsJsonAsync(new { version = "8.3.0" });
        });
        await using var connection = await OpenAsync(backend);

        var answer = await AskAsync(
            new DiscoveryOptions { Path = "/health", JsonField = "version", ResponseHeader = "X-IAM-Version" },
            connection, backend);

        Assert.Null(answer.Version);
        Assert.Contains("8.3.0", answer.Problem, StringComparison.Ordinal);
        Assert.Contains("8.2.1", answer.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_ConnectionThatEndsWithTheAnswer_ProvesNothing()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers.Connection = "close";
            return http.Response.WriteAsJsonAsync(new { version = "8.2.1" });
        });
        await using var connection = await OpenAsync(backend);

        var error = await Assert.ThrowsAsync<IOException>(() => AskAsync(Field, connection, backend));
        Assert.Contains("closes the connection", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_AnswerWithoutEnd_IsGivenUp()
    {
        await using var backend = await Backend.StartAsync("8.2.1", async http =>
        {
            var piece = new byte[16 * 1024];
            while (!http.RequestAborted.IsCancellationRequested)
                await http.Response.Body.WriteAsync(piece, http.RequestAborted);
        });
        await using var connection = await OpenAsync(backend);

        var error = await Assert.ThrowsAsync<IOException>(() => AskAsync(Field, connection, backend));
        Assert.Contains("more than", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_Silence_IsGivenUpAfterTheTimeout()
    {
        await using var backend = await Backend.StartAsync(
            "8.2.1", http => Task.Delay(Timeout.Infinite, http.RequestAborted));
        await using var connection = await OpenAsync(backend);
        var options = new DiscoveryOptions
        {
            Path = "/health",
            JsonField = "version",
            Timeout = TimeSpan.FromMilliseconds(50),
        };

        var error = await Assert.ThrowsAsync<IOException>(() => AskAsync(options, connection, backend));
        Assert.Contains("did not answer the probe", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_Fingerprint_ChangesWithTheAssetsAndNotWithTheRest()
    {
        var assets = "app.1f2e.js";
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync(
            $"<input name=csrf value={Guid.NewGuid()}><script src=\"{assets}\"></script>"));
        var options = new DiscoveryOptions
        {
            Fingerprint = new FingerprintOptions { Path = "/login", Pattern = "src=\"[^\"]+\"" },
        };
        await using var connection = await OpenAsync(backend);

        var first = await AskAsync(options, connection, backend);
        var second = await AskAsync(options, connection, backend);
        assets = "app.9a8b.js";
        var third = await AskAsync(options, connection, backend);

        Assert.Equal(first.Fingerprint, second.Fingerprint);
        Assert.NotEqual(first.Fingerprint, third.Fingerprint);
    }

    private static Task<Stream> OpenAsync(Backend backend) => ProvenConnector.OpenAsync(
        new DnsEndPoint("127.0.0.1", backend.Address.Port), null, null, CancellationToken.None);

    private static Task<ProbeAnswer> AskAsync(DiscoveryOptions discovery, Stream connection, Backend backend)
    {
        var options = new GatewayOptions();
        options.Versions.Discovery = discovery;
        var settings = new GatewaySettings(options, [], new SessionRules([], []), [], V1, null, null);
        return new VersionProbe(settings, TimeProvider.System).AskAsync(
            connection, backend.Address, CancellationToken.None);
    }

    private static async Task<string> TalkAsync(Stream connection)
    {
        await connection.WriteAsync("GET /next HTTP/1.1\r\nHost: iam\r\n\r\n"u8.ToArray());
        var buffer = new byte[1024];
        return System.Text.Encoding.ASCII.GetString(buffer, 0, await connection.ReadAsync(buffer));
    }
}
