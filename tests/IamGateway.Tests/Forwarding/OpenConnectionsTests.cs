using System.Net;
using CsCheck;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Forwarding;

public sealed class OpenConnectionsTests : IAsyncLifetime
{
    private static readonly byte[] Close1012 = [0x88, 0x02, 0x03, 0xF4];
    private readonly FakeTimeProvider _time = new();
    private readonly ReplicaRig _rig = new(new MemoryRoutingStore(""), new FakePinStore());
    private OpenConnections _open = null!;

    public async ValueTask InitializeAsync()
    {
        await _rig.StartAsync("one");
        _open = Open();
    }

    private OpenConnections Open()
    {
        var settings = new GatewaySettings(
            new GatewayOptions(), [new("a", new Uri("http://127.0.0.1:9001"), V1)], new SessionRules([], []), [], V1,
            null, null);
        var router = new SessionRouter(
            _rig.Replica, new FakePinStore(), _rig.Outbox, _rig.Leases(_time), settings, new GatewayMetrics(), _time,
            new Random(1));
        return new OpenConnections(
            _rig.Replica, new InstanceTable(settings), router, settings, _time, new Random(1),
            NullLogger<OpenConnections>.Instance);
    }

    [Fact]
    public async Task CloseAll_ManyConnections_EndsThemAllSpreadOverTheTime()
    {
        var ended = new HashSet<int>();
        for (var i = 0; i < 200; i++)
        {
            var number = i;
            await FollowAsync("odd", new MemoryStream(), () => ended.Add(number));
        }

        Assert.Equal(200, _open.Count("a"));

        _open.CloseAll(TimeSpan.FromSeconds(10));

        var before = 0;
        for (var second = 1; second <= 10; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.InRange(ended.Count - before, 8, 40);
            before = ended.Count;
        }

        Assert.Equal(200, ended.Count);
    }

    [Fact]
    public async Task Dispose_ConnectionThatIsDue_IsNeitherCutNorCountedAnyMore()
    {
        var ended = 0;
        var stream = await FollowAsync("odd", new MemoryStream(), () => ended++);
        _open.CloseAll(TimeSpan.FromSeconds(10));

        stream.Dispose();
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal((0, 0), (ended, _open.Count("a")));
    }

    private sealed record Talk(byte[] Bytes, int[] Ends);

    private static readonly Gen<Talk> Talks =
        Gen.Select(Gen.Int[0, 300], Gen.Bool, Gen.Bool).List[1, 10].Select(Write);

    private static Talk Write(List<(int Length, bool IsFinal, bool IsPing)> parts)
    {
        List<byte> bytes = [];
        List<int> ends = [0];
        foreach (var (length, isFinal, isPing) in parts)
        {
            if (isPing)
                bytes.AddRange([0x89, 0x00]);
            if (isPing && ends[^1] == bytes.Count - 2)
                ends.Add(bytes.Count);
            bytes.Add((byte)(isFinal ? 0x82 : 0x02));
            bytes.AddRange(length < 126 ? [(byte)length] : [126, (byte)(length >> 8), (byte)length]);
            bytes.AddRange(Enumerable.Repeat((byte)7, length));
            if (isFinal)
                ends.Add(bytes.Count);
        }

        return new Talk([.. bytes], [.. ends]);
    }

    [Fact]
    public Task WebSocket_ClosedAtAnyMoment_EndsBehindAWholeMessageWithTheCloseFrame() =>
        Gen.Select(Talks, Gen.Int[1, 400], Gen.Int[0, 12]).SampleAsync(async (talk, piece, moment) =>
        {
            // One that has closed all closes what comes later at once.
            _open.Dispose();
            _open = Open();
            using var stream = await FollowAsync("websocket", new InPieces(talk.Bytes, piece), () => { });
            var output = new MemoryStream();
            var buffer = new byte[128];
            var (reads, read) = (0, 0);
            while (true)
            {
                Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty));
                if (reads++ == moment)
                {
                    read = (int)output.Length;
                    _open.CloseAll(TimeSpan.Zero);
                    _time.Advance(TimeSpan.FromTicks(1));
                }

                var count = await stream.ReadAsync(buffer);
                if (count == 0)
                    break;
                output.Write(buffer, 0, count);
            }

            var sent = output.ToArray();
            if (reads <= moment || !talk.Ends.Any(e => e >= read))
            {
                Assert.Equal(talk.Bytes, sent);
                return;
            }

            Assert.Equal(Close1012, sent[^4..]);
            Assert.Contains(sent.Length - 4, talk.Ends);
            Assert.Equal(talk.Bytes[..(sent.Length - 4)], sent[..^4]);
        }, iter: 1000, threads: 1);

    [Fact]
    public async Task WebSocket_ReadThatEndsWithNothingThere_IsClosedAllTheSame()
    {
        // A socket ends a read of nothing for bytes that were read meanwhile; the next bytes may never come.
        using var stream = await FollowAsync("websocket", new FalseAlarm(), () => { });
        var buffer = new byte[8];
        var reading = stream.ReadAsync(buffer);

        _open.CloseAll(TimeSpan.Zero);
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.Equal(4, await reading.AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(Close1012, buffer[..4]);
    }

    private async Task<Stream> FollowAsync(string protocol, Stream inner, Action onCut)
    {
        var http = new DefaultHttpContext();
        http.Features.Set<IHttpRequestLifetimeFeature>(new Lifetime(onCut));
        var request = new GatewayRequest(1)
        {
            InstanceId = "a",
            Version = V1,
            Ordinal = 1,
            View = _rig.Replica.View,
        };
        var response = new HttpResponseMessage(HttpStatusCode.SwitchingProtocols)
        {
            Content = new StreamContent(inner),
            RequestMessage = new HttpRequestMessage(HttpMethod.Get, "http://a/")
            {
                Headers = { { "Upgrade", protocol } },
            },
        };
        Assert.True(_open.TryFollow(http, response, request));
        return await response.Content.ReadAsStreamAsync();
    }

    private sealed class FalseAlarm : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length > 0)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }
    }

    private sealed class InPieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
    }

    private sealed class Lifetime(Action onAbort) : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; }

        public void Abort() => onAbort();
    }

    public async ValueTask DisposeAsync()
    {
        _open.Dispose();
        await _rig.DisposeAsync();
    }
}
