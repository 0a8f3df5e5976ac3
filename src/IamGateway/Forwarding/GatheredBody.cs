using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Forwarding;

/// <summary>
/// The body of a response, read from the instance and written to the client. The first part of a body comes with the
/// headers and is of some kilobytes at most; YARP would send it by itself. Here it leaves with the second part, if that
/// has come already. Nothing waits: when there is nothing more to read yet, what is there is sent.
/// </summary>
internal sealed class GatheredBody(Stream instance, IHttpResponseBodyFeature client)
    : ForwardStream, IHttpResponseBodyFeature
{
    // The client of .NET reads 4 KB with the headers. A body of half of it is hardly ever in two parts.
    private const int MostOfFirst = 4 * 1024;
    private const int InOnePart = 2 * 1024;
    private const int BufferSize = 64 * 1024;
    private byte[]? _buffer;
    private int _kept;
    private bool _isBehindFirst;
    private Task _sending = Task.CompletedTask;

    public override bool CanWrite => true;

    public Stream Stream => this;

    public PipeWriter Writer => client.Writer;

    /// <summary>
    /// Puts one between the instance and the client if the body may come in parts. To be taken out again with
    /// <see cref="Remove"/> when the response is through, or has failed.
    /// </summary>
    public static GatheredBody? Over(HttpContext http, HttpResponseMessage response)
    {
        if (http.Response.ContentLength <= InOnePart)
            return null;
        var reading = response.Content.ReadAsStreamAsync(CancellationToken.None);
        if (!reading.IsCompletedSuccessfully || http.Features.Get<IHttpResponseBodyFeature>() is not { } client)
            return null;
        var body = new GatheredBody(reading.Result, client);
        response.Content = new StreamContent(body);
        http.Features.Set<IHttpResponseBodyFeature>(body);
        return body;
    }

    public void Remove(HttpContext http) => http.Features.Set(client);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = instance.ReadAsync(buffer, cancellationToken);
        if (_kept == 0)
            return reading;
        if (!reading.IsCompletedSuccessfully)
        {
            BeginSending();
            return reading;
        }

        var count = reading.Result;
        if (count == 0 && !buffer.IsEmpty)
            BeginSending();
        return ValueTask.FromResult(count);
    }

    // Waited for by the next write, and not by the read: one that fails is taken for the fault of the instance. It may
    // outlast the request, whose token another one has then.
    private void BeginSending() => _sending = SendAsync(CancellationToken.None);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_sending.IsCompletedSuccessfully)
            return AwaitAsync(buffer, cancellationToken);
        if (!_isBehindFirst && buffer.Length <= MostOfFirst)
        {
            _isBehindFirst = true;
            _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
            Keep(buffer.Span);
            return default;
        }

        _isBehindFirst = true;
        if (_kept == 0)
            return client.Stream.WriteAsync(buffer, cancellationToken);
        if (buffer.Length > BufferSize - _kept)
        {
            _sending = SendAsync(cancellationToken);
            return AwaitAsync(buffer, cancellationToken);
        }

        Keep(buffer.Span);
        return new ValueTask(SendAsync(cancellationToken));
    }

    private async ValueTask AwaitAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellation)
    {
        await _sending.WaitAsync(cancellation);
        await client.Stream.WriteAsync(buffer, cancellation);
    }

    private void Keep(ReadOnlySpan<byte> part)
    {
        part.CopyTo(_buffer.AsSpan(_kept));
        _kept += part.Length;
    }

    private Task SendAsync(CancellationToken cancellation)
    {
        if (_kept == 0)
            return Task.CompletedTask;
        var writing = client.Stream.WriteAsync(_buffer.AsMemory(0, _kept), cancellation);
        _kept = 0;
        if (!writing.IsCompletedSuccessfully)
            return FreeAfterAsync(writing);
        Free();
        return Task.CompletedTask;
    }

    // Of one that fails it is not known whether the buffer is read still.
    private async Task FreeAfterAsync(ValueTask writing)
    {
        await writing;
        Free();
    }

    private void Free()
    {
        if (_buffer is { } buffer)
            ArrayPool<byte>.Shared.Return(buffer);
        _buffer = null;
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        await SendAsync(cancellationToken);
        await client.Stream.FlushAsync(cancellationToken);
    }

    public async Task CompleteAsync()
    {
        await SendAsync(CancellationToken.None);
        await client.CompleteAsync();
    }

    public Task StartAsync(CancellationToken cancellationToken = default) => client.StartAsync(cancellationToken);

    public Task SendFileAsync(
        string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        client.SendFileAsync(path, offset, count, cancellationToken);

    public void DisableBuffering() => client.DisableBuffering();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            instance.Dispose();
            if (_kept > 0)
                Free();
            _kept = 0;
        }

        base.Dispose(disposing);
    }
}
