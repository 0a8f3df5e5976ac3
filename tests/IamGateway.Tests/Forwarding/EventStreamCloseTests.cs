using IamGateway.Forwarding;

namespace IamGateway.Tests.Forwarding;

/// <summary>Streams of events whose instance goes end between two events, so that the client connects anew.</summary>
public sealed class EventStreamCloseTests
{
    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Drain_InTheMiddleOfAnEvent_EndsBehindIt(string version)
    {
        await using var site = await StartAsync(version);
        using var client = site.Client(version);
        using var response = await client.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var first = await reader.ReadLineAsync();
        Assert.Equal(1, site.Open.Count("a"));
        Assert.Equal(1, await InFlightAsync(site));
        await site.DrainAsync("a");
        site.GoOn.SetResult();

        var rest = await reader.ReadToEndAsync();

        Assert.Equal("data: a", first);
        // The next event may have been read together with the end of this one; half an event never comes.
        Assert.Contains(rest, (string[])["\ndata: half whole\n\n", "\ndata: half whole\n\ndata: more\n\n"]);
        Assert.Equal("aborted", await site.NextEndAsync());
        Assert.Equal("b", await client.GetStringAsync("/"));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Drain_NothingComing_EndsAtOnceAndCountsOn(string version)
    {
        await using var site = await StartAsync(version);
        using var client = site.Client(version);
        using var response = await client.GetAsync("/quiet", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        await reader.ReadLineAsync();
        await site.DrainAsync("a");

        var rest = await reader.ReadToEndAsync();

        Assert.Equal("\n", rest);
        Assert.Equal("aborted", await site.NextEndAsync());
        Assert.Equal(0, site.Open.Count("a"));
        // The instance had not finished: it counts as at work for RequestTimeout.
        Assert.Single(site.Gateway.Service<InFlight>().Snapshot(), r => r.InstanceId == "a");
    }

    private static Task<LastingSite> StartAsync(string version) => LastingSite.StartAsync(
        ("Kestrel:Endpoints:Proxy:Protocols", version == "2.0" ? "Http2" : "Http1"));

    private static Task<double> InFlightAsync(LastingSite site) =>
        site.Gateway.MetricAsync("iamgateway_requests_in_flight{version=\"8.2.1\",instance=\"a\"}");
}
