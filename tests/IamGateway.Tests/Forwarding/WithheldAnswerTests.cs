using System.Net;
using IamGateway.Forwarding;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

public sealed class WithheldAnswerTests
{
    [Fact]
    public async Task Answer_NameCannotBeRecorded_TheInstanceMayStillBeAtWork()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        var body = new TaskCompletionSource();
        await using var iam = await StartIamAsync(body.Task);
        await using var gateway = await Gateway.StartAsync([], new Dictionary<string, string?>
        {
            ["ConnectionStrings:Redis"] = redis.ConnectionString,
            ["ReverseProxy:Clusters:iam:Destinations:a:Address"] = iam.Urls.First(),
            ["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = "8.2.1",
            ["ReverseProxy:Clusters:iam:Destinations:b:Address"] = "http://127.0.0.1:9",
            ["ReverseProxy:Clusters:iam:Destinations:b:Metadata:Version"] = "8.3.0",
        });
        await gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        await gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        await redis.KillAsync();
        using var response = await client.GetAsync("/login");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("store_unavailable", response.Headers.GetValues(Refusals.Header).Single());
        var request = Assert.Single(gateway.Service<InFlight>().Snapshot());
        Assert.Equal(1, request.Ordinal);
        body.SetResult();
    }

    // Hands out a session with the headers and works on until told to end.
    private static async Task<WebApplication> StartIamAsync(Task body)
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapGet("/login", async http =>
        {
            http.Response.Headers.SetCookie = "IAM_SESSION=a-new-session; Path=/";
            await http.Response.Body.FlushAsync();
            await body;
        });
        await app.StartAsync();
        return app;
    }
}
