using System.Net.Sockets;
using System.Text;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Tests.Forwarding;

public sealed class RequestTargetTests
{
    private const string Stateless = "IamGateway:Stateless:0";

    public static TheoryData<string> Targets =>
    [
        "/a/../b", "/a/./b", "/a/..;/b", "/a/%2e%2e/b", "/a/%2E./b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "//a//b",
        "/a;jsessionid=1/b;x", "/%61%7e~", "/a/..", "/a/.", "/%e4", "/%C3%a4", "/a?b=/../%2e%7E", "/a%3bb", "/a%",
        "/a%zz", "/", "/a+b%20c", "/'(|)\"^{}`",
    ];

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task Target_OfAnyForm_ReachesTheInstanceByteForByteOrNotAtAll(string target)
    {
        var seen = new List<string>();
        await using var iam = await StartIamAsync(seen);
        await using var gateway = await Gateway.StartAsync([], Backend.Settings(iam));

        var status = await SendAsync(gateway, target);

        // The server in front may refuse what is no target at all.
        if (status == 400)
            Assert.Empty(seen);
        else
            Assert.Equal([target], seen);
    }

    [Theory]
    [InlineData("/a/../b", 400)]
    [InlineData("/a/..;/b", 400)]
    [InlineData("/a/%2e%2E/b", 400)]
    [InlineData("/a%2Fb", 400)]
    [InlineData("/a%5cb", 400)]
    [InlineData("/a//b", 400)]
    [InlineData("/a;b", 400)]
    [InlineData("/a/..", 400)]
    [InlineData("/a.b/c..d/.e?f=/../;%2f", 200)]
    public async Task Target_AmbiguousAndRefused_DoesNotReachTheInstance(string target, int expected)
    {
        var seen = new List<string>();
        await using var iam = await StartIamAsync(seen);
        await using var gateway = await Gateway.StartAsync([], new Dictionary<string, string?>(Backend.Settings(iam))
        {
            ["IamGateway:Edge:AmbiguousPaths"] = "Refuse",
        });

        Assert.Equal(expected, await SendAsync(gateway, target));

        Assert.Equal(expected == 200 ? 1 : 0, seen.Count);
        Assert.Equal(
            expected == 200 ? 0 : 1, await gateway.MetricAsync("iamgateway_refusals_total{reason=\"ambiguous_path\"}"));
    }

    [Theory]
    [InlineData("/static/a.js", "stateless")]
    [InlineData("/static/..;/api", "new")]
    [InlineData("/x/../static/a.js", "new")]
    [InlineData("/static/%2e%2e/api", "new")]
    public async Task Target_UnderAStatelessPrefix_IsStatelessOnlyIfTheIamMustReadItSo(string target, string decision)
    {
        await using var iam = await StartIamAsync([]);
        await using var gateway = await Gateway.StartAsync([], new Dictionary<string, string?>(Backend.Settings(iam))
        {
            [Stateless] = "/static",
        });

        Assert.Equal(200, await SendAsync(gateway, target));

        Assert.Equal(1, await gateway.MetricAsync(
            $"iamgateway_requests_total{{version=\"8.2.1\",instance=\"a\",code=\"2xx\",decision=\"{decision}\"}}"));
    }

    [Theory]
    [InlineData("PathRemovePrefix", "/x", "/x/a%7e?b=%7E", "/a~?b=%7E")]
    [InlineData("PathSet", "/Y/a", "/y/a?b=%7E", "/Y/a?b=%7E")]
    [InlineData("PathPrefix", "/y", "/a?b=%7E", "/y/a?b=%7E")]
    public async Task Target_ChangedByTheRoute_KeepsWhatIsNotChanged(
        string transform, string value, string target, string expected)
    {
        var seen = new List<string>();
        await using var iam = await StartIamAsync(seen);
        await using var gateway = await Gateway.StartAsync([], new Dictionary<string, string?>(Backend.Settings(iam))
        {
            [$"ReverseProxy:Routes:iam:Transforms:0:{transform}"] = value,
        });

        Assert.Equal(200, await SendAsync(gateway, target));

        Assert.Equal([expected], seen);
    }

    [Theory]
    [InlineData("/a/../b?c=%7E", "/base/a/../b?c=%7E")]
    public async Task Target_AnInstanceWithAPath_IsBehindIt(string target, string expected)
    {
        var seen = new List<string>();
        await using var iam = await StartIamAsync(seen);
        var settings = Backend.Settings(iam);
        settings["ReverseProxy:Clusters:iam:Destinations:a:Address"] = new Uri(iam.Address, "/base/").ToString();
        await using var gateway = await Gateway.StartAsync([], settings);

        Assert.Equal(200, await SendAsync(gateway, target));

        Assert.Equal([expected], seen);
    }

    private static Task<Backend> StartIamAsync(List<string> seen) => Backend.StartAsync("8.2.1", http =>
    {
        lock (seen)
            seen.Add(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        return Task.CompletedTask;
    });

    // As bytes: a client would write the target anew.
    private static async Task<int> SendAsync(Gateway gateway, string target)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Proxy.Host, gateway.Proxy.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(
            $"GET {target} HTTP/1.1\r\nHost: {gateway.Proxy.Authority}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        var answer = await reader.ReadToEndAsync();
        return int.Parse(answer.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
