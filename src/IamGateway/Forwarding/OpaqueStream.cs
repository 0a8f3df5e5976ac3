using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>A connection upgraded to a protocol that the gateway does not know: to close it is to cut it.</summary>
internal sealed class OpaqueStream(
    Stream inner, HttpContext http, GatewayRequest request, OpenConnections connections, TimeProvider time)
    : LastingStream(inner, http, request, connections, time)
{
    private readonly Stream _inner = inner;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _inner.ReadAsync(buffer, cancellationToken);

    protected override void OnClosing() => Cut();
}
