using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// G2 over all handles: a request by a token is a request of the browser's session, on whatever replica it comes in.
/// </summary>
public sealed class HandlesAtWorkTests
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RequestDelegate Iam(string version) => async http =>
    {
        if (http.Request.Path == "/slow")
        {
            _begun.SetResult();
            await _release.Task;
        }

        if (http.Request.Query["set"] is [{ Length: > 0 } value])
            http.Response.Headers.Append("Set-Cookie", $"IAM_SESSION={value}; Path=/");
        if (http.Request.Query["token"] is [{ Length: > 0 } token])
            await http.Response.WriteAsJsonAsync(new { access_token = token });
        else
            await http.Response.WriteAsync(version);
    };

    private static async Task<Gateway> StartAsync(RedisServer? redis, params Backend[] backends)
    {
        var settings = Backend.Settings(backends);
        settings["ConnectionStrings:Redis"] = redis?.ConnectionString;
        settings["IamGateway:Migration:MaxWait"] = "00:00:30";
        settings["IamGateway:Sessions:1:Name"] = "access";
        settings["IamGateway:Sessions:1:Header"] = "Authorization";
        settings["IamGateway:Sessions:1:Scheme"] = "Bearer";
        settings["IamGateway:Sessions:1:JsonField"] = "access_token";
        settings["IamGateway:Sessions:1:IssuedAt"] = "/token";
        return await Gateway.StartAsync([], settings);
    }

    private static async Task<string> SendAsync(Gateway gateway, string path, string? cookies, string? token = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        if (cookies is not null)
            client.DefaultRequestHeaders.Add("Cookie", cookies);
        if (token is not null)
            client.DefaultRequestHeaders.Add("Authorization", $"Bearer {token}");
        return await client.GetStringAsync(new Uri(gateway.Proxy, path));
    }

    [Fact]
    public async Task TokenRequestAtWorkOnAnotherReplica_BrowsersSession_StaysUntilItEnds()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var old = await Backend.StartAsync("8.2.1", Iam("8.2.1"));
        await using var @new = await Backend.StartAsync("8.3.0", Iam("8.3.0"));
        await using var one = await StartAsync(redis, old, @new);
        await using var other = await StartAsync(redis, old, @new);
        await SendAsync(one, "/?set=mine", null);
        await SendAsync(one, "/token?token=t1", "IAM_SESSION=mine");
        await one.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await one.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        var slow = SendAsync(other, "/slow", null, "t1");
        await _begun.Task;

        await one.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        Assert.Equal("8.2.1", await SendAsync(one, "/", "IAM_SESSION=mine"));
        Assert.Equal("8.2.1", await SendAsync(one, "/", null, "t1"));
        _release.SetResult();
        Assert.Equal("8.2.1", await slow);

        // The lease goes back behind the response, so one more request may still find it.
        var versions = new List<string>();
        while (versions.LastOrDefault() != "8.3.0" && versions.Count < 1000)
            versions.Add(await SendAsync(one, "/", "IAM_SESSION=mine"));
        Assert.Equal("8.3.0", await SendAsync(other, "/", null, "t1"));
    }

    [Fact]
    public async Task SeveralSessions_ARequestOfTheLowerAtWork_IsWaitedFor()
    {
        await using var old = await Backend.StartAsync("8.2.1", Iam("8.2.1"));
        await using var @new = await Backend.StartAsync("8.3.0", Iam("8.3.0"));
        await using var gateway = await StartAsync(null, old, @new);
        await SendAsync(gateway, "/?set=low", null);
        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        await SendAsync(gateway, "/?set=high", null);
        await gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        var slow = SendAsync(gateway, "/slow", "IAM_SESSION=low");
        await _begun.Task;

        var both = SendAsync(gateway, "/", "IAM_SESSION=low; IAM_SESSION=high");
        for (var i = 0; i < 1000 && await gateway.MetricAsync("iamgateway_barrier_total{outcome=\"waited\"}") == 0; i++)
            Assert.False(both.IsCompleted);
        Assert.Equal(1, await gateway.MetricAsync("iamgateway_barrier_total{outcome=\"waited\"}"));
        Assert.False(both.IsCompleted);
        _release.SetResult();

        Assert.Equal("8.2.1", await slow);
        Assert.Equal("8.3.0", await both);
        Assert.Equal("8.3.0", await SendAsync(gateway, "/", "IAM_SESSION=low"));
    }
}
