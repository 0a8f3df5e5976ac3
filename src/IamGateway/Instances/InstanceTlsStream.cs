using System.Net.Security;

namespace IamGateway.Instances;

/// <summary>An encrypted connection to an instance.</summary>
internal sealed class InstanceTlsStream(InstanceStream connection) : SslStream(connection)
{
    private readonly Exchange _exchange = new(connection);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _exchange.ReadAsync(buffer, base.ReadAsync(buffer, cancellationToken));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _exchange.Ask(buffer.Span);
        return _exchange.WriteAsync(base.WriteAsync(buffer, cancellationToken));
    }
}
