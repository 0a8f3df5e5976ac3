using System.IO.Pipelines;
using CsCheck;
using IamGateway.Forwarding;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Tests.Forwarding;

public sealed class GatheredBodyTests : IDisposable
{
    private readonly Pipe _instance = new();
    private readonly Client _client = new();

    [Fact]
    public async Task Parts_TheSecondHasComeAlready_LeaveInOneWriteAndLaterOnesByThemselves()
    {
        using var body = Over(_client);
        await _instance.Writer.WriteAsync(new byte[16_000]);

        for (var parts = 0; parts < 4; parts++)
            await PassOnAsync(body, 4000);

        Assert.Equal([8000, 4000, 4000], _client.Writes);
    }

    [Fact]
    public async Task FirstPart_NothingMoreIsThere_IsSentBeforeThatIsWaitedFor()
    {
        using var body = Over(_client);
        await _instance.Writer.WriteAsync(new byte[100]);
        await PassOnAsync(body, 4000);
        Assert.Empty(_client.Writes);

        var next = body.ReadAsync(Memory<byte>.Empty);

        Assert.False(next.IsCompleted);
        Assert.Equal([100], _client.Writes);
        await _instance.Writer.WriteAsync(new byte[10]);
        await next;
        await PassOnAsync(body, 4000);
        Assert.Equal([100, 10], _client.Writes);
    }

    [Fact]
    public async Task FirstPart_IsTheWholeBody_IsSentAtTheEnd()
    {
        using var body = Over(_client);
        await _instance.Writer.WriteAsync(new byte[100]);
        await _instance.Writer.CompleteAsync();

        await PassOnAsync(body, 4000);
        Assert.Equal(0, await PassOnAsync(body, 4000));

        Assert.Equal([100], _client.Writes);
    }

    [Fact]
    public async Task FirstPart_TheInstanceBreaksOffBehindIt_IsSentAllTheSame()
    {
        using var body = Over(_client);
        await _instance.Writer.WriteAsync(new byte[100]);
        await PassOnAsync(body, 4000);
        await _instance.Writer.CompleteAsync(new IOException("broken off"));

        await Assert.ThrowsAsync<IOException>(() => body.ReadAsync(new byte[10]).AsTask());

        Assert.Equal([100], _client.Writes);
    }

    [Fact]
    public async Task Parts_LargerThanWhatIsKept_LeaveOneByOneInTheirOrder()
    {
        using var body = Over(_client);

        await body.WriteAsync(new byte[4096]);
        await body.WriteAsync(new byte[64 * 1024]);
        await body.WriteAsync(new byte[10]);

        Assert.Equal([4096, 64 * 1024, 10], _client.Writes);
    }

    [Fact]
    public async Task Client_ThatIsSlow_HoldsUpTheNextWriteAndNoRead()
    {
        using var body = Over(_client);
        await body.WriteAsync(new byte[2000]);
        _client.Until = new TaskCompletionSource();

        var reading = body.ReadAsync(new byte[10]);
        await _instance.Writer.WriteAsync(new byte[10]);
        Assert.Equal(10, await reading);
        var writing = body.WriteAsync(new byte[10]).AsTask();

        Assert.False(writing.IsCompleted);
        Assert.Equal([2000], _client.Writes);
        var until = _client.Until;
        _client.Until = null;
        until.SetResult();
        await writing;
        Assert.Equal([2000, 10], _client.Writes);
    }

    [Fact]
    public async Task Client_ThatIsSlow_IsNotWaitedForAfterTheRequestIsCancelled()
    {
        using var body = Over(_client);
        await body.WriteAsync(new byte[2000]);
        _client.Until = new TaskCompletionSource();
        using var cancellation = new CancellationTokenSource();
        _ = body.ReadAsync(new byte[10], CancellationToken.None).AsTask();
        var writing = body.WriteAsync(new byte[10], cancellation.Token).AsTask();

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
    }

    [Fact]
    public async Task Client_ThatFails_FailsTheNextWriteAndNoRead()
    {
        using var body = Over(_client);
        await body.WriteAsync(new byte[2000]);
        _client.Until = new TaskCompletionSource();
        _client.Until.SetException(new IOException("gone"));

        var reading = body.ReadAsync(new byte[10]);
        await _instance.Writer.WriteAsync(new byte[10]);

        Assert.Equal(10, await reading);
        await Assert.ThrowsAsync<IOException>(() => body.WriteAsync(new byte[10]).AsTask());
    }

    [Fact]
    public Task Body_OfPartsThatComeAnyhow_IsPassedOnByteByByte() =>
        Gen.Select(Gen.Byte.Array[1, 3000].Array[1, 12], Gen.Int[1, 5000], Gen.Bool.Array[12])
            .SampleAsync(async (parts, size, comeLater) =>
            {
                var instance = new Pipe();
                var client = new Client();
                using var body = new GatheredBody(instance.Reader.AsStream(), client);
                var passing = PassAllOnAsync(body, size);
                for (var i = 0; i < parts.Length; i++)
                {
                    parts[i].CopyTo(instance.Writer.GetSpan(parts[i].Length));
                    instance.Writer.Advance(parts[i].Length);
                    if (comeLater[i])
                        await instance.Writer.FlushAsync();
                }

                await instance.Writer.CompleteAsync();
                await passing;

                Assert.Equal(parts.SelectMany(p => p), client.Received.ToArray());
            });

    [Theory]
    [InlineData(2048, false)]
    [InlineData(2049, true)]
    [InlineData(null, true)]
    public async Task Over_ABodyOfThisLength_IsGathered(int? length, bool isGathered)
    {
        var http = new DefaultHttpContext();
        http.Response.ContentLength = length;
        var client = http.Features.Get<IHttpResponseBodyFeature>();
        using var response = new HttpResponseMessage { Content = new StreamContent(new MemoryStream([1, 2, 3])) };

        var body = GatheredBody.Over(http, response);

        Assert.Equal(isGathered, body is not null);
        Assert.Equal([1, 2, 3], await response.Content.ReadAsByteArrayAsync());
        body?.Remove(http);
        Assert.Same(client, http.Features.Get<IHttpResponseBodyFeature>());
    }

    public void Dispose() => _client.Dispose();

    private GatheredBody Over(Client client) => new(_instance.Reader.AsStream(), client);

    private static async Task PassAllOnAsync(GatheredBody body, int size)
    {
        while (await PassOnAsync(body, size) > 0)
        {
        }
    }

    // As YARP does it: a read of nothing, which needs no buffer, and then one of what has come.
    private static async Task<int> PassOnAsync(GatheredBody body, int size)
    {
        _ = await body.ReadAsync(Memory<byte>.Empty);
        var buffer = new byte[size];
        var count = await body.ReadAsync(buffer);
        if (count > 0)
            await body.WriteAsync(buffer.AsMemory(0, count));
        return count;
    }

    /// <summary>What the server has been given for its client.</summary>
    private sealed class Client : MemoryStream, IHttpResponseBodyFeature
    {
        /// <summary>A write takes until then, and ends as this does.</summary>
        public TaskCompletionSource? Until { get; set; }

        public List<int> Writes { get; } = [];

        public MemoryStream Received { get; } = new();

        public Stream Stream => this;

        public PipeWriter Writer => throw new NotSupportedException();

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Writes.Add(buffer.Length);
            Received.Write(buffer.Span);
            return Until is { } until ? new ValueTask(until.Task) : default;
        }

        public Task StartAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void DisableBuffering() => throw new NotSupportedException();

        public Task SendFileAsync(
            string path, long offset, long? count, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public Task CompleteAsync() => throw new NotSupportedException();
    }
}
