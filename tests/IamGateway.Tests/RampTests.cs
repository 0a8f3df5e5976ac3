using DemoIam;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests;

public sealed class RampTests
{
    [Fact]
    public async Task Start_OneInstanceOfEachVersion_ServesAndStops()
    {
        var state = new MemorySessionState();
        await using var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var @new = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var gateway = await Gateway.StartAsync([old, @new]);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        var page = await client.GetStringAsync("/login");

        Assert.Contains("8.2.1", page, StringComparison.Ordinal);
    }
}
