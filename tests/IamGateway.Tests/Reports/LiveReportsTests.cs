using IamGateway.Forwarding;
using IamGateway.Reports;
using IamGateway.Tests.Routing;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Reports;

/// <summary>What a whole gateway reports of requests that end in every way there is.</summary>
public sealed class LiveReportsTests
{
    private static async Task<VersionReport> ReportAsync(Gateway gateway)
    {
        // A request is counted when it has ended everywhere.
        var inFlight = gateway.Service<InFlight>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (inFlight.Snapshot().Any(r => !r.CutOff))
            await Task.Delay(5, patience.Token);
        var reports = gateway.Service<ReplicaReports>();
        await reports.ExchangeAsync(CancellationToken.None);
        return Assert.Single(reports.Latest).Version(States.V1)!;
    }

    private static Task<Gateway> StartAsync(Backend instance) => Gateway.StartAsync([], Backend.Settings(instance));

    [Theory]
    [InlineData(200, 0)]
    [InlineData(404, 0)]
    [InlineData(500, 1)]
    [InlineData(503, 1)]
    public async Task Answer_OfTheInstance_IsAnErrorFrom500On(int status, int errors)
    {
        await using var instance = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        await using var gateway = await StartAsync(instance);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };
        using var answer = await client.GetAsync("/");

        var report = await ReportAsync(gateway);
        Assert.Equal((1, errors, 1), (report.Requests, report.ServerErrors, report.Durations.Sum()));
    }

    [Fact]
    public async Task Answer_BrokenOffByTheInstance_IsAnError()
    {
        await using var instance = await Backend.StartAsync("8.2.1", http =>
        {
            http.Abort();
            return Task.CompletedTask;
        });
        await using var gateway = await StartAsync(instance);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };
        using var answer = await client.GetAsync("/");

        Assert.Equal(502, (int)answer.StatusCode);
        Assert.Equal(1, (await ReportAsync(gateway)).ServerErrors);
    }

    [Fact]
    public async Task Client_GoesAway_IsNoErrorOfTheVersion()
    {
        var arrived = new TaskCompletionSource();
        var held = new TaskCompletionSource();
        await using var instance = await Backend.StartAsync("8.2.1", async _ =>
        {
            arrived.SetResult();
            await held.Task;
        });
        await using var gateway = await StartAsync(instance);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };
        using var stop = new CancellationTokenSource();
        var request = client.GetAsync("/", stop.Token);
        await arrived.Task;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        var report = await ReportAsync(gateway);
        held.SetResult();
        Assert.Equal((1, 0), (report.Requests, report.ServerErrors));
    }

    [Fact]
    public async Task Request_RefusedByTheGateway_IsARefusalAndNoError()
    {
        var instance = await Backend.StartAsync("8.2.1", _ => Task.CompletedTask);
        await using var gateway = await StartAsync(instance);
        await instance.DisposeAsync();
        using var client = new HttpClient { BaseAddress = gateway.Proxy };
        using var answer = await client.GetAsync("/");

        Assert.Equal(503, (int)answer.StatusCode);
        var report = await ReportAsync(gateway);
        Assert.Equal((0, 0), (report.Requests, report.ServerErrors));
        Assert.Equal(1, Assert.Single(gateway.Service<ReplicaReports>().Latest).Refusals);
    }
}
