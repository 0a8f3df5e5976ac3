using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IamGateway.Rollouts;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;

namespace IamGateway.Tests.Rollouts;

/// <summary>Webhooks, gates and the check of the schema against real listeners.</summary>
public sealed class RolloutHooksTests : IAsyncLifetime
{
    private const string Secret = "a secret of at least 16 characters";

    private const string TwoSteps =
        """
        "steps":[{"weight":50,"hold":"0s"},{"weight":100,"hold":"manual"}],"analysis":{"minRequests":0}
        """;

    private Receiver _receiver = null!;

    public async ValueTask InitializeAsync() => _receiver = await Receiver.StartAsync();

    public ValueTask DisposeAsync() => _receiver.DisposeAsync();

    private Task<RolloutSite> WithWebhookAsync(params (string Key, string Value)[] more) => RolloutSite.StartAsync(
        settings =>
        {
            settings["IamGateway:Rollout:Webhooks:0:Url"] = _receiver.Address.ToString();
            settings["IamGateway:Rollout:Webhooks:0:Secret"] = Secret;
            foreach (var (key, value) in more)
                settings[key] = value;
        },
        controlsTime: true);

    private Task<RolloutSite> WithGateAsync(params (string Key, string Value)[] more) => RolloutSite.StartAsync(
        settings =>
        {
            settings["IamGateway:Rollout:Gates:0:Url"] = _receiver.Address + "gate";
            foreach (var (key, value) in more)
                settings[key] = value;
        },
        controlsTime: true);

    private JsonElement[] Bodies() => [.. _receiver.Calls.Select(c => JsonDocument.Parse(c.Body).RootElement)];

    [Fact]
    public async Task Webhook_EveryTransition_IsSentInOrderAndSigned()
    {
        await using var site = await WithWebhookAsync();
        var id = (await site.BeginAsync(TwoSteps)).Text("id");
        await site.UntilWaitingAsync("manual", 1);
        await site.SayAsync("abort");

        await site.UntilAsync(_ => _receiver.Calls.Count == 4);

        Assert.Equal(
            ["rollout.checking", "rollout.progressing", "rollout.progressing", "rollout.aborted"],
            Bodies().Select(b => b.Text("event")));
        var last = Bodies()[3];
        Assert.Equal("at event from reason revision rollout state step to weight who", last.Fields());
        Assert.Equal((id, "aborted by hand", "test-admin", 1), (
            last.Text("rollout"), last.Text("reason"), last.Text("who"), last.GetProperty("step").GetInt32()));
        foreach (var (headers, body) in _receiver.Calls)
        {
            var signed = Encoding.UTF8.GetBytes($"{headers[RolloutWebhooks.TimestampHeader]}.")
                .Concat(body).ToArray();
            var expected = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed);
            Assert.Equal(
                $"sha256={Convert.ToHexStringLower(expected)}", headers[RolloutWebhooks.SignatureHeader].ToString());
            Assert.Equal("application/json", headers.ContentType.ToString());
        }

        Assert.Equal(4, await site.Gateway.MetricAsync("iamgateway_rollout_webhooks_total{outcome=\"sent\"}"));
    }

    [Fact]
    public async Task Webhook_NotTakenAtOnce_IsSentAgainAsTheSameDelivery()
    {
        _receiver.Answer = call => (call < 3 ? 503 : 200, "");
        await using var site = await WithWebhookAsync(("IamGateway:Rollout:Webhooks:0:Events:0", "checking"));
        await site.BeginAsync(TwoSteps);

        await site.UntilAsync(_ => _receiver.Calls.Count == 3);

        Assert.Single(_receiver.Calls.Select(c => c.Headers[RolloutWebhooks.DeliveryHeader].ToString()).Distinct());
        var timestamps = _receiver.Calls.Select(c => long.Parse(
            c.Headers[RolloutWebhooks.TimestampHeader].ToString(), System.Globalization.CultureInfo.InvariantCulture))
            .ToArray();
        Assert.True(timestamps[1] >= timestamps[0] + 1 && timestamps[2] >= timestamps[1] + 5);
    }

    [Fact]
    public async Task Webhook_NeverTaken_IsGivenUpAndHoldsNothingBack()
    {
        _receiver.Answer = _ => (500, "no");
        await using var site = await WithWebhookAsync();
        await site.BeginAsync(TwoSteps);
        await site.UntilWaitingAsync("manual", 1);
        // The rollout was through before the first call was given up.
        Assert.Equal(0, await site.Gateway.MetricAsync("iamgateway_rollout_webhooks_total{outcome=\"failed\"}"));

        site.Tick = TimeSpan.FromMilliseconds(250);
        await site.UntilAsync(_ => _receiver.Calls.Count == 12);

        Assert.Equal(3, Bodies().Select(b => b.Text("reason")).Distinct().Count());
    }

    [Fact]
    public async Task Webhook_EventsNamed_AreTheOnlyOnes()
    {
        await using var site = await WithWebhookAsync(
            ("IamGateway:Rollout:Webhooks:0:Events:0", "Paused"),
            ("IamGateway:Rollout:Webhooks:0:Events:1", "aborted"));
        await site.BeginAsync(TwoSteps);
        await site.UntilWaitingAsync("manual", 1);
        await site.SayAsync("pause");
        await site.SayAsync("abort");

        await site.UntilAsync(_ => _receiver.Calls.Count == 2);

        Assert.Equal(["paused", "aborted"], Bodies().Select(b => b.Text("state")));
    }

    [Fact]
    public void Key_Base64OfEnoughBytes_StandsForThem_OtherTextForItself()
    {
        var bytes = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();

        Assert.Equal(bytes, RolloutWebhooks.Key(Convert.ToBase64String(bytes)));
        Assert.Equal("c2hvcnQ="u8.ToArray(), RolloutWebhooks.Key("c2hvcnQ="));
        Assert.Equal("no base64!"u8.ToArray(), RolloutWebhooks.Key("no base64!"));
    }

    [Fact]
    public async Task Gate_Refuses_TheStepWaitsShowsTheAnswerAndAsksAgain()
    {
        _receiver.Answer = call => call < 3 ? (409, "change freeze\nuntil Monday") : (200, "");
        await using var site = await WithGateAsync();
        await site.BeginAsync(TwoSteps);

        var waiting = await site.UntilAsync(r => r.Text("message") is not null);
        Assert.Equal(("checking", "gate"), (waiting.Text("state"), waiting.Text("waitingFor")));
        Assert.Equal("gate 0 (127.0.0.1): it answers 409: change freeze until Monday", waiting.Text("message"));
        Assert.Equal("""{"8.2.1":100,"8.3.0":0}""", await site.WeightsAsync());

        await site.UntilWaitingAsync("manual", 1);
        Assert.Equal([0, 0, 0, 1], Bodies().Select(b => b.GetProperty("step").GetInt32()));
        Assert.Equal("from rollout step steps to weight", Bodies()[0].Fields());
        Assert.Equal([50, 50, 50, 100], Bodies().Select(b => b.GetProperty("weight").GetInt32()));
    }

    [Fact]
    public async Task Gate_DoesNotAnswer_TheStepWaitsUntilItDoes()
    {
        var held = new TaskCompletionSource();
        await using var silent = await Servers.Backend.StartAsync("", async _ => await held.Task);
        await using var site = await WithGateAsync(
            ("IamGateway:Rollout:Gates:1:Url", silent.Address.ToString()),
            ("IamGateway:Rollout:Gates:1:Timeout", "00:00:02"));
        await site.BeginAsync(TwoSteps);

        await site.UntilAsync(r => r.Text("message") == "gate 1 (127.0.0.1): it does not answer in 2s");
        held.SetResult();
        await site.UntilWaitingAsync("manual", 1);
    }

    [Fact]
    public async Task Gate_WhileItRefuses_TheRolloutCanBeAborted()
    {
        _receiver.Answer = _ => (503, "");
        await using var site = await WithGateAsync();
        await site.BeginAsync(TwoSteps);
        await site.UntilAsync(r => r.Text("message") is not null);

        Assert.Equal("aborted", (await site.SayAsync("abort")).Text("state"));
    }

    [Theory]
    [InlineData(200, true, "The check of the database schema answers that it fits.")]
    [InlineData(404, false, "The check of the database schema does not pass: it answers 404: still 8.2. Upgrade")]
    public async Task SchemaCheck_Configured_DecidesWhereTheOrderSaysNothing(int status, bool passes, string detail)
    {
        _receiver.Answer = _ => (status, "still 8.2");
        await using var site = await RolloutSite.StartAsync(
            s => s["IamGateway:Rollout:SchemaCheckUrl"] = _receiver.Address.ToString(), controlsTime: true);
        using var response = await site.PostAsync("rollouts?dryRun=true", """{"to":"8.3.0"}""");
        var schema = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement
            .GetProperty("preconditions").One("name", "schema_upgraded");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(passes, schema.GetProperty("passed").GetBoolean());
        Assert.StartsWith(detail, schema.Text("detail"), StringComparison.Ordinal);
        Assert.Equal("8.3.0", Assert.Single(_receiver.Calls).Headers[PreconditionChecker.VersionHeader].ToString());
    }

    [Fact]
    public async Task Instances_NothingListens_IsFoundOutByConnecting()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.Instances.Single(i => i.Name == "new-1").DisposeAsync();
        await site.Instances.Single(i => i.Name == "new-2").DisposeAsync();
        using var response = await site.PostAsync("rollouts", RolloutSite.Order());

        var problem = await Problem.AssertAsync(response, 409, "new-1 (8.3.0) cannot be reached (ConnectionRefused)");
        Assert.Equal(
            "instances",
            Assert.Single(
                problem.GetProperty("preconditions").EnumerateArray(), p => !p.GetProperty("passed").GetBoolean())
                .Text("name"));
    }

    [Fact]
    public async Task Secrets_OfWebhooks_StandNowhereInTheLogOrTheAnswers()
    {
        _receiver.Answer = _ => (500, "no");
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        await using var site = await RolloutSite.StartAsync();
        await using var process = GatewayProcess.Start(Gateway.Arguments(site.Instances, new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "Trace",
            ["Logging:LogLevel:System.Net.Http"] = "Trace",
            ["Kestrel:Endpoints:Admin:Url"] = admin,
            ["IamGateway:Rollout:Webhooks:0:Url"] = _receiver.Address + "hook?token=token-of-the-hook",
            ["IamGateway:Rollout:Webhooks:0:Secret"] = Secret,
        }));
        await process.UntilReadyAsync(admin);
        using var client = new HttpClient { BaseAddress = new Uri(admin) };
        client.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        using var order = new StringContent(RolloutSite.Order(TwoSteps), Encoding.UTF8, "application/json");
        using var begun = await client.PostAsync("/api/v1/rollouts", order);
        Assert.Equal(HttpStatusCode.Created, begun.StatusCode);

        await process.UntilAsync(() => Task.FromResult(_receiver.Calls.Count >= 2));
        var shown = process.Output + await begun.Content.ReadAsStringAsync()
            + await client.GetStringAsync("/api/v1/events") + await client.GetStringAsync("/metrics");

        Assert.Contains("Rollout ", process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, shown, StringComparison.Ordinal);
        Assert.DoesNotContain("token-of-the-hook", shown, StringComparison.Ordinal);
    }
}
