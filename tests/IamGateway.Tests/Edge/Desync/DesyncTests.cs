using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>
/// Whatever a client sends, the instance sees no more requests than the gateway has answered, each with one length, and
/// nothing of another client in them.
/// </summary>
public sealed class DesyncTests(DesyncSite site) : IClassFixture<DesyncSite>
{
    public static TheoryData<string, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, bool>();
            foreach (var name in DesyncCase.All.Keys)
            {
                cases.Add(name, false);
                cases.Add(name, true);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Bytes_ReadDifferentlyByServers_AreOneRequestOrNone(string name, bool isSecond)
    {
        var sent = DesyncCase.All[name];
        IReadOnlyList<string> expected = isSecond ? ["200", .. sent.Answers] : sent.Answers;
        var answers = new List<RawAnswer>();

        var (seen, isOneConnection) = await site.BetweenAsync(
            site.Http1, async () => answers.AddRange(await SendAsync(sent, isSecond, expected)));

        Assert.True(
            expected.Where(a => a != "open").SequenceEqual(
                answers.Where(a => a.Body != "/end").Select(a => a.Status)),
            $"Answered {string.Join(' ', answers)} after {string.Join(' ', seen)}");
        Assert.DoesNotContain(seen, r => r.Target.Contains("smuggled", StringComparison.Ordinal));
        // What the instance accepts is what the gateway has answered; a request that was refused half-way ends there.
        var whole = seen.Where(r => r.Fault is null).ToList();
        var served = answers.Where(a => a.Status == "200").ToList();
        Assert.Equal(served.Count, whole.Count);
        if (!sent.IsHead)
            Assert.Equal(served.Select(a => a.Body), whole.Select(r => r.Target));
        Assert.All(seen, r => Assert.True(r.Fault is null or RecordingInstance.Ended, $"{r.Fault}: {r.Head}"));
        // Else what the instance had of it ends with the connection that it came over.
        if (expected.All(a => a == "200"))
            Assert.True(isOneConnection);
    }

    private async Task<List<RawAnswer>> SendAsync(DesyncCase sent, bool isSecond, IReadOnlyList<string> expected)
    {
        using var client = await RawClient.ConnectAsync(site.Http1.Proxy);
        var before = isSecond ? "GET /before HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray() : [];
        await client.SendAsync([.. before, .. sent.Bytes]);
        var answers = new List<RawAnswer>();
        while (answers.Count < expected.Count - (sent.IsOpen ? 1 : 0))
        {
            var isHead = sent.IsHead && answers.Count == expected.Count - 1;
            if (await client.ReadAsync(isHead) is not { } answer)
                return answers;
            answers.Add(answer);
        }

        if (sent.IsOpen)
        {
            // Whatever it still waits for does not come.
            client.EndSending();
            Assert.True(await client.ReadAsync() is null or { Status: "400" });
            return answers;
        }

        await client.SendAsync("GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"u8.ToArray());
        while (await client.ReadAsync() is { } more)
            answers.Add(more);
        // After a request that was served the connection is where both sides think it is.
        if (answers is [.., { Status: "200", Closes: false, Body: not "/end" }])
            Assert.Fail("The request after it was not answered.");
        return answers;
    }
}
