namespace IamGateway.Sessions;

/// <summary>What was read of a body already, and then the rest of it.</summary>
internal sealed class PrefixedStream(ReadOnlyMemory<byte> prefix, Stream rest) : ForwardStream
{
    private int _position;

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var left = prefix.Length - _position;
        if (left == 0)
            return await rest.ReadAsync(buffer, cancellationToken);
        var count = Math.Min(left, buffer.Length);
        prefix.Slice(_position, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            rest.Dispose();
        base.Dispose(disposing);
    }
}
