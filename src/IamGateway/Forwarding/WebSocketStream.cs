using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>
/// The frames that an instance sends over a WebSocket. To close it the client is sent a Close frame between two
/// messages and nothing behind that. Its answer goes to the instance, which then closes its own side.
/// </summary>
internal sealed class WebSocketStream(
    Stream inner, HttpContext http, GatewayRequest request, OpenConnections connections, TimeProvider time)
    : LastingStream(inner, http, request, connections, time)
{
    // FIN and Close, unmasked, two bytes: 1012, Service Restart.
    private static readonly byte[] Close1012 = [0x88, 0x02, 0x03, 0xF4];
    private FrameTracker _frames = new();
    private ReadOnlyMemory<byte> _close = Close1012;
    private bool _isCut;

    // A Close of the instance's own is left to it.
    private bool CanClose => _isCut || _frames.IsBetweenMessages && !_frames.HasClose;

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (IsClosing && CanClose && _close.Length > 0)
                return SendClose(buffer.Span);
            await WaitAsync(CanClose && _close.Length > 0, cancellationToken);
            if (IsClosing && CanClose && _close.Length > 0)
                continue;
            if (buffer.Length == 0)
                return 0;
            var count = Take(buffer.Span);
            if (count == 0)
                return 0;
            if (_isCut)
                continue;
            var end = _frames.Advance(buffer.Span[..count]);
            if (!IsClosing || end == 0 || _frames.HasClose)
                return count;
            _isCut = true;
            return end;
        }
    }

    private int SendClose(Span<byte> buffer)
    {
        _isCut = true;
        var count = Math.Min(buffer.Length, _close.Length);
        _close.Span[..count].CopyTo(buffer);
        _close = _close[count..];
        if (count > 0)
            RestartPatience();
        return count;
    }
}
