using System.Net;
using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests;

/// <summary>Rows of the README's table "When something fails".</summary>
public sealed class FailureMatrixTests : IAsyncLifetime
{
    private readonly RedisServer _redis = new();
    private readonly MemorySessionState _state = new();
    private readonly HttpMessageInvoker _http =
        new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
    private readonly List<IAsyncDisposable> _started = [];
    private Gateway? _gateway;

    private Gateway Running => _gateway!;

    public async ValueTask InitializeAsync()
    {
        await _redis.InitializeAsync();
        var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1", Name = "old" }, _state);
        var @new = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0", Name = "new" }, _state);
        // With Stay a session from before the upgrade is on the old version and one from after it on the new one.
        _gateway = await Gateway.StartAsync([old, @new], new Dictionary<string, string?>
        {
            ["ConnectionStrings:Redis"] = _redis.ConnectionString,
            ["IamGateway:Migration:ExistingSessions"] = "Stay",
            // A machine that is busy with other tests is no store that is away; one that is away refuses connections.
            ["IamGateway:Store:Timeout"] = "00:00:01",
        });
        _started.AddRange([_gateway, old, @new]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var started in _started)
            await started.DisposeAsync();
        await _redis.DisposeAsync();
        _http.Dispose();
    }

    [Fact]
    public async Task StoreAway_Steady_RequestsAreServedAndTheApiRefuses()
    {
        var ann = await LogInAsync("ann");

        await _redis.KillAsync();

        Assert.Equal("8.2.1", await VersionAsync(ann));
        Assert.Equal("8.2.1", await VersionAsync(await LogInAsync("bob")));
        Assert.Equal(HttpStatusCode.OK, (await Running.Admin.GetAsync("/health/ready")).StatusCode);
        var drain = await Running.Admin.PostAsync("/api/v1/instances/new/drain", null);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, drain.StatusCode);
    }

    [Fact]
    public async Task StoreAway_Canary_OnlyWhatMayBeOnTheOldVersionIsRefused()
    {
        var (old, final) = await CanaryAsync();

        await _redis.KillAsync();

        var refusal = await Assert.ThrowsAsync<FailedRequestException>(() => VersionAsync(old));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refusal.Status);
        Assert.Contains("store_unavailable", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("8.3.0", await VersionAsync(final));
        Assert.Equal("8.3.0", await VersionAsync(await LogInAsync("cid")));
    }

    [Fact]
    public async Task StoreAway_SessionBegunAtTheNewestVersion_IsUsableAndRotatesBeforeTheStoreIsBack()
    {
        await CanaryAsync();
        await _redis.KillAsync();

        var cid = await LogInAsync("cid");

        Assert.Equal("8.3.0", await VersionAsync(cid));
        Assert.Equal(3, cid.Handles.Distinct().Count());
    }

    [Fact]
    public async Task StoreRestartedEmpty_Canary_OldSessionsGoUpAndNothingIsLost()
    {
        var (old, final) = await CanaryAsync();

        await _redis.KillAsync();
        await _redis.StartAsync();

        Assert.Equal("8.3.0", await VersionWhenServedAsync(old));
        Assert.Equal("8.3.0", await VersionAsync(final));
        var weights = await Running.Admin.GetStringAsync("/api/v1/weights");
        Assert.Contains("\"8.2.1\":0,\"8.3.0\":100", weights, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewestVersionWithoutInstance_Canary_SessionsThereAreRefusedOthersAreServed()
    {
        var (old, final) = await CanaryAsync();

        using var drain = await Running.Admin.PostAsync("/api/v1/instances/new/drain?force=true", null);

        Assert.Equal(HttpStatusCode.OK, drain.StatusCode);
        Assert.Equal("8.2.1", await VersionAsync(old));
        Assert.Equal("8.2.1", await VersionAsync(await LogInAsync("cid")));
        var refusal = await Assert.ThrowsAsync<FailedRequestException>(() => VersionAsync(final));
        Assert.Contains("no_instance", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OlderVersionWithoutInstance_Canary_ItsSessionsGoUp()
    {
        var (old, _) = await CanaryAsync();

        using var drain = await Running.Admin.PostAsync("/api/v1/instances/old/drain?force=true", null);

        Assert.Equal(HttpStatusCode.OK, drain.StatusCode);
        Assert.Equal("8.3.0", await VersionAsync(old));
    }

    /// <summary>Two active versions, a session on each.</summary>
    private async Task<(Browser Old, Browser Final)> CanaryAsync()
    {
        var old = await LogInAsync("ann");
        await Running.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        var final = await LogInAsync("bob");
        Assert.Equal(("8.2.1", "8.3.0"), (await VersionAsync(old), await VersionAsync(final)));
        return (old, final);
    }

    private async Task<Browser> LogInAsync(string user)
    {
        var browser = new Browser(_http, () => Running.Proxy, user);
        await browser.LogInAsync();
        return browser;
    }

    private static async Task<string?> VersionAsync(Browser browser)
    {
        using var me = JsonDocument.Parse(await browser.SendAsync(HttpMethod.Get, "/api/me"));
        return me.RootElement.GetProperty("version").GetString();
    }

    // While the replica has not found the store again, 503 with Retry-After is the right answer.
    private static async Task<string?> VersionWhenServedAsync(Browser browser)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                return await VersionAsync(browser);
            }
            catch (FailedRequestException e) when (e.Status == HttpStatusCode.ServiceUnavailable
                && !patience.IsCancellationRequested)
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }
}
