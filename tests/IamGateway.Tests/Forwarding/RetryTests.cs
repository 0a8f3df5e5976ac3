using IamGateway.Forwarding;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Forwarding;

/// <summary>Which requests are sent again, and where to.</summary>
public sealed class RetryTests : IDisposable
{
    private const string Metadata = "ReverseProxy:Routes:iam:Metadata:Retry";
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false });

    /// <summary>Fault: the HTTP client repeated a request without a body whose connection was closed.</summary>
    [Theory]
    [InlineData("GET", nameof(Reaction.Close))]
    [InlineData("GET", nameof(Reaction.Reset))]
    [InlineData("GET", nameof(Reaction.Half))]
    [InlineData("POST", nameof(Reaction.Close))]
    public async Task Unanswered_NothingConfigured_Is502AndSentOnce(string method, string reaction)
    {
        await using var odd = new RawInstance("odd", _ => Enum.Parse<Reaction>(reaction));
        await using var good = new RawInstance("good", _ => Reaction.Answer);
        await using var gateway = await StartAsync(odd, good);

        var (status, _) = await SendAsync(gateway, method);

        Assert.Equal((502, 1, 0), (status, odd.Requests, good.Requests));
        Assert.Equal(0, await RetriesAsync(gateway, "reset"));
    }

    /// <summary>Fault: as above, over a connection that had answered before.</summary>
    [Fact]
    public async Task Unanswered_OnAConnectionUsedBefore_IsSentOnce()
    {
        await using var odd = new RawInstance("odd", n => n == 1 ? Reaction.Answer : Reaction.Close);
        await using var gateway = await StartAsync(odd);
        Assert.Equal((200, "odd"), await SendAsync(gateway, "GET"));

        var (status, _) = await SendAsync(gateway, "GET");

        Assert.Equal((502, 2), (status, odd.Requests));
    }

    [Theory]
    [InlineData("GET", nameof(Reaction.Close))]
    [InlineData("GET", nameof(Reaction.Reset))]
    [InlineData("OPTIONS", nameof(Reaction.Close))]
    public async Task Unanswered_SafeMethodOfARouteThatAllowsIt_IsSentToASibling(string method, string reaction)
    {
        await using var odd = new RawInstance("odd", _ => Enum.Parse<Reaction>(reaction));
        await using var good = new RawInstance("good", _ => Reaction.Answer);
        await using var gateway = await StartAsync([(odd, "8.2.1"), (good, "8.2.1")], (Metadata, "safe"));

        Assert.Equal((200, "good"), await SendAsync(gateway, method));
        Assert.Equal((1, 1), (odd.Requests, good.Requests));
        Assert.Equal(1, await RetriesAsync(gateway, "reset"));
    }

    [Theory]
    [InlineData("POST", nameof(Reaction.Close))]
    [InlineData("DELETE", nameof(Reaction.Reset))]
    [InlineData("GET", nameof(Reaction.Half))]
    public async Task Unanswered_OtherMethodOrPartOfAnAnswer_IsSentOnceAllTheSame(string method, string reaction)
    {
        await using var odd = new RawInstance("odd", _ => Enum.Parse<Reaction>(reaction));
        await using var good = new RawInstance("good", _ => Reaction.Answer);
        await using var gateway = await StartAsync([(odd, "8.2.1"), (good, "8.2.1")], (Metadata, "safe"));

        var (status, _) = await SendAsync(gateway, method);

        Assert.Equal((502, 1, 0), (status, odd.Requests, good.Requests));
    }

    [Fact]
    public async Task Unanswered_TheSiblingToo_IsSentToNoOther()
    {
        await using var one = new RawInstance("one", _ => Reaction.Close);
        await using var two = new RawInstance("two", _ => Reaction.Close);
        await using var good = new RawInstance("good", _ => Reaction.Answer);
        await using var gateway = await StartAsync(
            [(one, "8.2.1"), (two, "8.2.1"), (good, "8.2.1")], (Metadata, "safe"));

        var (status, _) = await SendAsync(gateway, "GET");

        Assert.Equal((502, 1, 1, 0), (status, one.Requests, two.Requests, good.Requests));
    }

    [Fact]
    public async Task Unanswered_NoSibling_IsSentToTheSameInstanceAFewTimes()
    {
        await using var odd = new RawInstance("odd", n => n == 3 ? Reaction.Answer : Reaction.Close);
        await using var gateway = await StartAsync([(odd, "8.2.1")], (Metadata, "safe"));
        Assert.Equal((200, "odd"), await SendAsync(gateway, "GET"));

        var (status, _) = await SendAsync(gateway, "GET");

        Assert.Equal(502, status);
        Assert.InRange(odd.Requests, 5, 10);
    }

    [Fact]
    public async Task Unanswered_SessionOfTheOlderVersion_StaysThereWithItsLease()
    {
        await using var odd = new RawInstance("odd", n => n == 1 ? Reaction.Close : Reaction.Answer);
        await using var newer = new RawInstance("newer", _ => Reaction.Answer);
        await using var gateway = await StartAsync([(odd, "8.2.1"), (newer, "8.3.0")], (Metadata, "safe"));
        await gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));

        Assert.Equal((200, "odd"), await SendAsync(gateway, "GET"));
        Assert.Equal((2, 0), (odd.Requests, newer.Requests));
    }

    [Fact]
    public async Task Silent_CutOffByTheGateway_IsSentOnce()
    {
        await using var odd = new RawInstance("odd", _ => Reaction.Silent);
        await using var good = new RawInstance("good", _ => Reaction.Answer);
        await using var gateway = await StartAsync(
            [(odd, "8.2.1"), (good, "8.2.1")], (Metadata, "safe"), ("IamGateway:RequestTimeout", "00:00:01"));

        var (status, _) = await SendAsync(gateway, "GET");

        Assert.Equal((504, 1, 0), (status, odd.Requests, good.Requests));
    }

    [Fact]
    public async Task Unanswered_NoBudget_IsSentOnceAndCounted()
    {
        await using var odd = new RawInstance("odd", _ => Reaction.Close);
        await using var gateway = await StartAsync(
            [(odd, "8.2.1")], (Metadata, "safe"), ("IamGateway:Retry:Budget", "0"));

        var (status, _) = await SendAsync(gateway, "GET");

        Assert.Equal((502, 1), (status, odd.Requests));
        Assert.Equal(1, await RetriesAsync(gateway, "budget_exhausted"));
    }

    [Theory]
    [InlineData(ReplayBody.MaxBytes, 200)]
    [InlineData(ReplayBody.MaxBytes + 1, 502)]
    public async Task Unanswered_SafeMethodWithABody_IsSentWholeAgainUpToABound(int bytes, int expected)
    {
        var body = string.Concat(Enumerable.Range(0, bytes).Select(i => (char)('a' + i % 26)));
        await using var odd = new RawInstance("odd", _ => Reaction.Close);
        await using var good = new RawInstance("good", _ => Reaction.Answer);
        await using var gateway = await StartAsync([(odd, "8.2.1"), (good, "8.2.1")], (Metadata, "safe"));
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Proxy) { Content = new StringContent(body) };

        using var response = await _client.SendAsync(request);

        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(expected == 200 ? [body] : [], good.Bodies);
    }

    private static Task<Gateway> StartAsync(params RawInstance[] instances) =>
        StartAsync([.. instances.Select(i => (i, "8.2.1"))]);

    private static Task<Gateway> StartAsync(
        (RawInstance Instance, string Version)[] instances, params (string Key, string Value)[] settings)
    {
        var all = RawInstance.Settings(instances);
        foreach (var (key, value) in settings)
            all[key] = value;
        return Gateway.StartAsync([], all);
    }

    private async Task<(int Status, string Body)> SendAsync(Gateway gateway, string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), gateway.Proxy);
        if (method == "POST")
            request.Content = new StringContent("body");
        using var response = await _client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static Task<double> RetriesAsync(Gateway gateway, string reason) =>
        gateway.MetricAsync($"iamgateway_retries_total{{reason=\"{reason}\"}}");

    public void Dispose() => _client.Dispose();
}
