using System.Runtime.Versioning;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>
/// What HTTP/2 and HTTP/3 can carry and HTTP/1.1 cannot (RFC 9113, sections 8.1.1, 8.2 and 8.3) does not get
/// into a request to the instance.
/// </summary>
public sealed class DowngradeTests(DesyncSite site) : IClassFixture<DesyncSite>
{
    public static TheoryData<string> Names => [.. Downgrade.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Http2_WhatHttp1CannotCarry_IsOneRequestOrNone(string name)
    {
        var sent = Downgrade.All[name];
        using var client = await RawHttp2.ConnectAsync(site.Http2.Proxy);
        await CheckAsync(site.Http2, sent, sent.Outcome, async () =>
        {
            await client.RequestAsync(1, sent.Fields("http"), sent.Body, sent.Trailers);
            return await client.OutcomeAsync(1);
        });
    }

    /// <summary>Needs libmsquic: tests/http3.sh.</summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(Names))]
    [SupportedOSPlatform("linux")]
    public async Task Http3_WhatHttp1CannotCarry_IsOneRequestOrNone(string name)
    {
        var sent = Downgrade.All[name];
        var gateway = await site.StartHttp3Async();
        await using var client = await RawHttp3.ConnectAsync(gateway.Proxy, site.Pki.ChainPolicy);
        await CheckAsync(
            gateway, sent, sent.OutcomeInHttp3,
            () => client.RequestAsync(sent.Fields("https"), sent.Body, sent.Trailers));
    }

    // The client stays until the others are served: one that leaves with its answer may leave before the gateway has
    // seen that all of its request was written, which ends the connection to the instance.
    private async Task CheckAsync(Gateway gateway, Downgrade sent, string expected, Func<Task<string>> send)
    {
        var outcome = "";

        var (seen, isOneConnection) = await site.BetweenAsync(gateway, async () => outcome = await send());

        Assert.Equal(expected, outcome);
        Assert.DoesNotContain(seen, r => r.Target.Contains("smuggled", StringComparison.Ordinal));
        Assert.All(seen, r => Assert.True(r.Fault is null or RecordingInstance.Ended, $"{r.Fault}: {r.Head}"));
        var whole = seen.Where(r => r.Fault is null).ToList();
        Assert.InRange(whole.Count, outcome == "200" ? 1 : 0, outcome is "200" or "reset" ? 1 : 0);
        Assert.All(whole, r => Assert.Equal(outcome == "200" ? sent.Body ?? "" : "", r.Body));
        if (outcome is "200" or "400")
            Assert.True(isOneConnection);
    }
}
