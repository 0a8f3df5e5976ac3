using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Configuration;

public sealed class ExistingSessionsTests
{
    [Theory]
    [InlineData("Migrate", "8.3.0")]
    [InlineData("Stay", "8.2.1")]
    public async Task ExistingSessions_NewVersionAt100_DecidesWhetherASessionMoves(string setting, string version)
    {
        var state = new MemorySessionState();
        await using var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var @new = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var gateway = await Gateway.StartAsync(
            [old, @new], new Dictionary<string, string?> { ["IamGateway:Migration:ExistingSessions"] = setting });
        using var http = new HttpMessageInvoker(
            new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        var browser = new Browser(http, () => gateway.Proxy, "ann");
        await browser.LogInAsync();
        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        var answer = JsonDocument.Parse(await browser.SendAsync(HttpMethod.Get, "/api/me")).RootElement;

        Assert.Equal(version, answer.GetProperty("version").GetString());
    }
}
