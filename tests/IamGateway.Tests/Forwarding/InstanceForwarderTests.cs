using System.Net;
using IamGateway.Forwarding;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Tests.Forwarding;

/// <summary>What a cluster's and a route's settings say of the last step holds for the IAM's cluster as well.</summary>
public sealed class InstanceForwarderTests
{
    private const string Balancing = "ReverseProxy:Clusters:iam:LoadBalancingPolicy";

    [Theory]
    [InlineData("LeastRequests")]
    [InlineData("PowerOfTwoChoices")]
    [InlineData("")]
    [InlineData(null)]
    public async Task Request_WhileAnInstanceIsBusy_GoesToTheOther(string? policy)
    {
        var (entered, mayEnd) = (new TaskCompletionSource<string>(), new TaskCompletionSource());
        RequestDelegate Handle(string id) => async http =>
        {
            await http.Response.WriteAsync(id);
            if (!http.Request.Path.StartsWithSegments("/busy"))
                return;
            entered.SetResult(id);
            await mayEnd.Task;
        };
        await using var a = await Backend.StartAsync("8.2.1", Handle("a"));
        await using var b = await Backend.StartAsync("8.2.1", Handle("b"));
        var settings = Backend.Settings(a, b);
        if (policy is not null)
            settings[Balancing] = policy;
        await using var gateway = await Gateway.StartAsync([], settings);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        var slow = client.GetStringAsync("/busy");
        var busy = await entered.Task;
        var idle = busy == "a" ? "b" : "a";
        for (var i = 0; i < 8; i++)
            Assert.Equal(idle, await client.GetStringAsync("/"));
        mayEnd.SetResult();

        Assert.Equal(busy, await slow);
        // Nothing is left counted: both are chosen again.
        var chosen = new HashSet<string>();
        for (var i = 0; i < 100 && !chosen.Contains(busy); i++)
            chosen.Add(await client.GetStringAsync("/"));
        Assert.Contains(busy, chosen);
    }

    [Theory]
    [InlineData("4", HttpStatusCode.RequestEntityTooLarge)]
    [InlineData("5", HttpStatusCode.OK)]
    [InlineData("-1", HttpStatusCode.OK)]
    public async Task Body_LongerThanTheRouteAllows_IsRefused(string limit, HttpStatusCode expected)
    {
        await using var iam = await Backend.StartAsync("8.2.1", async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            await http.Response.WriteAsync(await reader.ReadToEndAsync());
        });
        var settings = Backend.Settings(iam);
        settings["ReverseProxy:Routes:iam:MaxRequestBodySize"] = limit;
        await using var gateway = await Gateway.StartAsync([], settings);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        using var answer = await client.PostAsync("/", new StringContent("12345"));

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public void Conclude_TheBodyWasGathered_WhatIsWrittenNextGoesToTheClientAgain()
    {
        var http = new DefaultHttpContext();
        var client = http.Features.Get<IHttpResponseBodyFeature>();
        using var response = new HttpResponseMessage { Content = new StreamContent(new MemoryStream([1])) };
        var request = new GatewayRequest(1) { Gathered = GatheredBody.Over(http, response) };
        Assert.NotSame(client, http.Features.Get<IHttpResponseBodyFeature>());

        new InstanceForwarder(null!, [], [], null!).Conclude(http, request, null);

        Assert.Same(client, http.Features.Get<IHttpResponseBodyFeature>());
        Assert.Null(request.Gathered);
    }
}
