using System.Net;
using System.Text;
using System.Text.Json;
using IamGateway.Rollouts;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Rollouts;
using IamGateway.Tests.Servers;
using IamGateway.Tests.WebConsole;

namespace IamGateway.Tests.Configuration;

/// <summary>Secrets of others are exchanged without a restart.</summary>
public sealed class SecretExchangeTests : IDisposable
{
    private readonly ConfigFile _config = new();

    public void Dispose() => _config.Dispose();

    [Fact]
    public async Task Webhook_AnotherSecret_SignsTheNextCall()
    {
        const string Key = "IamGateway:Rollout:Webhooks:0:Secret";
        const string Second = "second-secret-0815";
        await using var receiver = await Receiver.StartAsync();
        _config.Write((Key, "first-secret-0815"));
        await using var site = await RolloutSite.StartAsync(settings =>
        {
            settings["config"] = _config.Path;
            settings["IamGateway:Rollout:Webhooks:0:Url"] = receiver.Address.ToString();
        });

        await _config.EditAsync(site.Gateway, (Key, Second));
        await site.BeginAsync();
        await site.UntilAsync(_ => !receiver.Calls.IsEmpty);

        Assert.True(receiver.Calls.TryPeek(out var call));
        Assert.Equal(
            RolloutWebhooks.Sign(
                Encoding.UTF8.GetBytes(Second), call.Headers[RolloutWebhooks.TimestampHeader].ToString(), call.Body),
            call.Headers[RolloutWebhooks.SignatureHeader].ToString());
    }

    [Fact]
    public async Task OpenIdConnect_AnotherClientSecret_IsSentAndEndsTheLoginsBefore()
    {
        const string Key = "IamGateway:Admin:Oidc:ClientSecret";
        const string Second = "second-secret-of-the-console";
        await using var provider = await OpenIdProvider.StartAsync();
        _config.Write((Key, OpenIdProvider.ClientSecret));
        await using var server = await AdminServer.StartAsync(
            [.. ConsoleOidcTests.Settings(provider.Issuer).Where(s => s.Key != Key), ("config", _config.Path)]);
        using var before = Browser(server);
        Assert.Equal("carla", await LogInAsync(before));
        provider.Secret = Second;

        await _config.EditAsync(server.Gateway, (Key, Second));

        Assert.DoesNotContain("carla", await before.GetStringAsync("/api/v1/login"), StringComparison.Ordinal);
        using var after = Browser(server);
        Assert.Equal("carla", await LogInAsync(after));
    }

    private static HttpClient Browser(AdminServer server) =>
        new(new SocketsHttpHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = false })
        {
            BaseAddress = server.Gateway.AdminAddress,
        };

    /// <summary>Off to the provider and back; who is logged in then.</summary>
    private static async Task<string?> LogInAsync(HttpClient browser)
    {
        var path = "/api/v1/login/oidc";
        while (path != "/")
        {
            using var response = await browser.GetAsync(path);
            Assert.True(
                response.StatusCode == HttpStatusCode.Redirect,
                $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            path = response.Headers.Location!.ToString();
        }

        var login = JsonDocument.Parse(await browser.GetStringAsync("/api/v1/login")).RootElement;
        return login.GetProperty("me").Text("name");
    }
}
