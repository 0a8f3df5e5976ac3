using System.Net;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Pins;

/// <summary>A store that carries out what it is asked, and at times answers too late.</summary>
public sealed class SlowStoreTests : IAsyncLifetime
{
    private readonly HookedPinStore _store = new();
    private readonly HttpClient _client = new();
    private Backend _old = null!;
    private Backend _new = null!;
    private Gateway _gateway = null!;
    private SessionKey _session;

    public async ValueTask InitializeAsync()
    {
        _old = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("8.2.1"));
        _new = await Backend.StartAsync("8.3.0", http => http.Response.WriteAsync("8.3.0"));
        var settings = Backend.Settings(_old, _new);
        settings["IamGateway:Migration:ExistingSessions"] = "Stay";
        _gateway = await Gateway.StartAsync(
            [], settings, replaceServices: s => s.AddSingleton<IPinStore>(_store));
        await SendAsync();
        await _gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _gateway.DisposeAsync();
        await _old.DisposeAsync();
        await _new.DisposeAsync();
    }

    private async Task<HttpResponseMessage> SendAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _gateway.Proxy);
        request.Headers.Add("Cookie", "IAM_SESSION=session-of-the-test");
        return await _client.SendAsync(request);
    }

    /// <summary>So many calls are carried out and not answered in time.</summary>
    private void Lose(int answers) => _store.AfterClaim = key =>
    {
        _session = key;
        return answers-- > 0
            ? Task.FromException(new StoreUnavailableException("no answer in time"))
            : Task.CompletedTask;
    };

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task AnswersThatComeTooLate_AreAskedForAgain(int lost)
    {
        Lose(lost);

        using var response = await SendAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await AssertNothingIsLeasedAsync();
    }

    [Fact]
    public async Task StoreThatNeverAnswersInTime_RequestIsRefused()
    {
        Lose(int.MaxValue);

        using var response = await SendAsync();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        await AssertNothingIsLeasedAsync();
    }

    private async Task AssertNothingIsLeasedAsync()
    {
        // The client may have its answer before the request has ended here.
        await UntilAsync(() => _gateway.Service<InFlight>().Count == 0);
        await _gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
        Assert.Equal(0, await _store.LeasesAsync(_session));
    }
}
