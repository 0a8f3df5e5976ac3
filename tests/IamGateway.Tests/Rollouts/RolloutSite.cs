using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Rollouts;

/// <summary>
/// A gateway in front of two instances of 8.2.1 and two of 8.3.0, whose users a test plays. With a clock of its own the
/// time passes only while the test waits for something.
/// </summary>
internal sealed class RolloutSite : IAsyncDisposable
{
    public const string Old = "8.2.1";
    public const string New = "8.3.0";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly HttpMessageInvoker _http = new(
        new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    private readonly List<Browser> _browsers = [];

    private RolloutSite(List<DemoIamInstance> instances, Gateway gateway, FakeTimeProvider? clock) =>
        (Instances, Gateway, Clock) = (instances, gateway, clock);

    public List<DemoIamInstance> Instances { get; }

    public Gateway Gateway { get; }

    public FakeTimeProvider? Clock { get; }

    /// <summary>How far the clock goes in five real milliseconds or more.</summary>
    public TimeSpan Tick { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Answers that were no success, of all users.</summary>
    public ConcurrentQueue<FailedRequestException> Failures { get; } = new();

    public static async Task<RolloutSite> StartAsync(
        Action<Dictionary<string, string?>>? configure = null, bool controlsTime = false,
        Func<DemoIamOptions, DemoIamOptions>? change = null)
    {
        var state = new MemorySessionState();
        var instances = new List<DemoIamInstance>();
        foreach (var (name, version) in new[] { ("old-1", Old), ("old-2", Old), ("new-1", New), ("new-2", New) })
        {
            var options = new DemoIamOptions { Version = version, Name = name };
            instances.Add(await DemoIamInstance.StartAsync(
                version == New && change is not null ? change(options) : options, state));
        }

        var settings = new Dictionary<string, string?>
        {
            ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
        };
        configure?.Invoke(settings);
        var clock = controlsTime ? new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 3, 0, 0, TimeSpan.Zero)) : null;
        return new RolloutSite(instances, await Gateway.StartAsync(instances, settings, clock), clock);
    }

    /// <summary>Logs so many users in, each with a session of its own.</summary>
    public async Task LogInAsync(int users)
    {
        var added = Enumerable.Range(_browsers.Count, users)
            .Select(i => new Browser(_http, () => Gateway.Proxy, $"user-{i}")).ToArray();
        foreach (var browser in added)
            await TryAsync(browser.LogInAsync);
        _browsers.AddRange(added);
    }

    /// <summary>Every user logs in once more, as one does who was told to.</summary>
    public Task LogInAgainAsync() => Task.WhenAll(_browsers.Select(b => TryAsync(b.LogInAsync)));

    public Task LogOutAsync() => Task.WhenAll(_browsers.Select(b =>
        TryAsync(() => b.SendAsync(HttpMethod.Post, "/logout"))));

    /// <summary>Every user sends so many requests; returns how many of all were answered by which version.</summary>
    public async Task<Dictionary<string, int>> UseAsync(int requests)
    {
        var versions = new ConcurrentQueue<string>();
        await Task.WhenAll(_browsers.Select(async browser =>
        {
            for (var i = 0; i < requests; i++)
                await TryAsync(async () =>
                {
                    var answer = await browser.SendAsync(HttpMethod.Get, "/api/me");
                    versions.Enqueue(JsonDocument.Parse(answer).RootElement.GetProperty("version").GetString()!);
                });
        }));
        return versions.CountBy(v => v).ToDictionary();
    }

    private async Task TryAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (FailedRequestException e)
        {
            Failures.Enqueue(e);
        }
    }

    /// <summary>POST /api/v1/rollouts, which must answer 201.</summary>
    public async Task<JsonElement> BeginAsync(string fields = "")
    {
        using var response = await PostAsync("rollouts", Order(fields));
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, $"{(int)response.StatusCode} {body}");
        return JsonDocument.Parse(body).RootElement;
    }

    /// <summary>An order for 8.3.0 with these fields beside.</summary>
    public static string Order(string fields = "") =>
        $$"""{"to":"8.3.0","schemaUpgraded":true{{(fields.Length > 0 ? "," + fields : "")}}}""";

    /// <summary>POST to the current rollout, which must answer 200.</summary>
    public async Task<JsonElement> SayAsync(string verb, string? body = null)
    {
        using var response = await PostAsync($"rollouts/current/{verb}", body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    public async Task<HttpResponseMessage> PostAsync(string path, string? body = null)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await PumpedAsync(Gateway.Admin.PostAsync($"/api/v1/{path}", content));
    }

    public Task<JsonElement> CurrentAsync() => GetAsync("rollouts/current");

    public Task<JsonElement> GetAsync(string path) =>
        PumpedAsync(Gateway.Admin.GetFromJsonAsync<JsonElement>($"/api/v1/{path}"));

    /// <summary>Looks until the current rollout fulfils the condition; the time goes on meanwhile.</summary>
    public async Task<JsonElement> UntilAsync(Func<JsonElement, bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var rollout = await CurrentAsync();
            if (condition(rollout))
                return rollout;
            if (patience.IsCancellationRequested)
                Assert.Fail($"The rollout stands at {rollout}");
            await PassAsync();
        }
    }

    public async Task PassUntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            patience.Token.ThrowIfCancellationRequested();
            await PassAsync();
        }
    }

    public Task<JsonElement> UntilStateAsync(string state) => UntilAsync(r => r.Text("state") == state);

    public Task<JsonElement> UntilWaitingAsync(string wait, int step) => UntilAsync(r =>
        r.Text("waitingFor") == wait && r.GetProperty("step").GetInt32() == step);

    /// <summary>Waits until the replica's own report holds at least so many requests of the new version.</summary>
    public Task<JsonElement> UntilMeasuredAsync(int requests) => UntilAsync(r => r.GetProperty("measurements")
        .GetProperty("new").GetProperty("requests").GetInt32() >= requests);

    public async Task<string> WeightsAsync() => (await GetAsync("weights")).GetProperty("weights").GetRawText();

    public static string Reason(JsonElement rollout) =>
        rollout.GetProperty("transitions").EnumerateArray().Last().Text("reason")!;

    private async Task<T> PumpedAsync<T>(Task<T> task)
    {
        while (!task.IsCompleted)
            await PassAsync();
        return await task;
    }

    private async Task PassAsync()
    {
        await Task.Delay(5);
        Clock?.Advance(Tick);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Gateway.DisposeAsync();
        foreach (var instance in Instances)
            await instance.DisposeAsync();
    }
}
