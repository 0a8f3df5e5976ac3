using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Forwarding;

/// <summary>
/// The body of a request, which keeps what was read of it, up to a bound, so that it can be sent again from its start.
/// </summary>
internal sealed class ReplayBody(Stream inner) : ForwardStream
{
    /// <summary>What is read beyond it, in bytes, makes a body unrepeatable.</summary>
    public const int MaxBytes = 64 * 1024;

    private byte[]? _kept;
    private int _length;
    private int _position;
    private bool _isTooLong;

    /// <summary>Puts one over the request's body; null if it can have none.</summary>
    public static ReplayBody? Of(HttpContext http)
    {
        if (http.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true })
            return null;
        var body = new ReplayBody(http.Request.Body);
        http.Request.Body = body;
        return body;
    }

    /// <summary>The next read begins at the start; false: that is not kept any more.</summary>
    public bool TryRewind()
    {
        _position = 0;
        return !_isTooLong;
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count;
        if (_position < _length)
        {
            count = Math.Min(_length - _position, buffer.Length);
            _kept.AsSpan(_position, count).CopyTo(buffer.Span);
            _position += count;
            return count;
        }

        count = await inner.ReadAsync(buffer, cancellationToken);
        Keep(buffer.Span[..count]);
        return count;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || _isTooLong)
            return;
        if (_length + bytes.Length > MaxBytes)
        {
            _isTooLong = true;
            Free();
            return;
        }

        if (_kept is null || _kept.Length < _length + bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + bytes.Length, 2 * _length));
            _kept.AsSpan(0, _length).CopyTo(larger);
            if (_kept is not null)
                ArrayPool<byte>.Shared.Return(_kept, clearArray: true);
            _kept = larger;
        }

        bytes.CopyTo(_kept.AsSpan(_length));
        _length += bytes.Length;
        _position = _length;
    }

    private void Free()
    {
        if (_kept is not null)
            ArrayPool<byte>.Shared.Return(_kept, clearArray: true);
        _kept = null;
        _length = 0;
        _position = 0;
    }

    protected override void Dispose(bool disposing)
    {
        // The body itself is the server's.
        if (disposing)
            Free();
        base.Dispose(disposing);
    }
}
