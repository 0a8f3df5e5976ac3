using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>
/// A text/event-stream of an instance. To close it the response ends between two events; the client connects anew by
/// itself.
/// </summary>
internal sealed class EventStream(
    Stream inner, bool isReadable, HttpContext http, GatewayRequest request, OpenConnections connections,
    TimeProvider time) : LastingStream(inner, http, request, connections, time)
{
    private EventTracker _events = new();
    private CancellationTokenSource? _reading;
    private bool _isCut;

    // Where the events of a compressed stream end cannot be seen.
    private bool CanClose => _isCut || _events.IsBetweenEvents || !isReadable;

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _reading ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (!(IsClosing && CanClose))
            await WaitAsync(CanClose, _reading.Token);
        if (IsClosing && CanClose)
        {
            if (buffer.Length > 0)
                await EndAsync(_reading);
            return 0;
        }

        if (buffer.Length == 0)
            return 0;
        var count = Take(buffer.Span);
        var end = isReadable ? _events.Advance(buffer.Span[..count]) : count;
        if (!IsClosing || end == 0)
            return count;
        _isCut = true;
        return end;
    }

    private async ValueTask EndAsync(CancellationTokenSource reading)
    {
        // The instance has not finished its answer.
        Request.EndedEarly = true;
        await reading.CancelAsync();
        await SettleAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _reading?.Dispose();
        base.Dispose(disposing);
    }
}
