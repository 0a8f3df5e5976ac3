using System.Buffers.Binary;

namespace IamGateway.Forwarding;

/// <summary>
/// Follows the WebSocket frames of one direction (RFC 6455, 5.2) as their bytes pass, however they are split, and knows
/// where a message ends. What the messages hold is not looked at.
/// </summary>
internal struct FrameTracker
{
    private const int MaxHeader = 14;
    private readonly byte[] _header = new byte[MaxHeader];
    private int _headerLength;
    private ulong _payloadLeft;
    private bool _isInPayload;
    private bool _isInMessage;

    public FrameTracker()
    {
    }

    /// <summary>The next byte begins a message, or a control frame between two.</summary>
    public readonly bool IsBetweenMessages => !_isInPayload && _headerLength == 0 && !_isInMessage;

    /// <summary>A Close frame has begun: nothing may follow it.</summary>
    public bool HasClose { get; private set; }

    /// <summary>Follows the bytes; returns the place behind the last message that ends in them, or 0.</summary>
    public int Advance(ReadOnlySpan<byte> bytes)
    {
        var end = 0;
        var at = 0;
        while (at < bytes.Length)
        {
            if (_isInPayload)
            {
                var count = (int)Math.Min(_payloadLeft, (ulong)(bytes.Length - at));
                at += count;
                _payloadLeft -= (ulong)count;
            }
            else
            {
                _header[_headerLength++] = bytes[at++];
                if (_headerLength < Expected())
                    continue;
                Begin();
            }

            if (_payloadLeft > 0)
                continue;
            _isInPayload = false;
            if (!_isInMessage)
                end = at;
        }

        return end;
    }

    private readonly int Expected()
    {
        if (_headerLength < 2)
            return 2;
        var length = (_header[1] & 0x7F) switch { 126 => 4, 127 => 10, _ => 2 };
        return length + ((_header[1] & 0x80) != 0 ? 4 : 0);
    }

    private void Begin()
    {
        var opcode = _header[0] & 0x0F;
        _payloadLeft = (_header[1] & 0x7F) switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(2)),
            127 => BinaryPrimitives.ReadUInt64BigEndian(_header.AsSpan(2)),
            var length => (ulong)length,
        };
        HasClose |= opcode == 8;
        // Control frames stand between the frames of a message and end none.
        if (opcode < 8)
            _isInMessage = (_header[0] & 0x80) == 0;
        _headerLength = 0;
        _isInPayload = true;
    }
}
