namespace IamGateway.Forwarding;

/// <summary>Follows a text/event-stream as its bytes pass: an event ends with a blank line (CR, LF or both).</summary>
internal struct EventTracker
{
    private bool _hasText;
    private bool _isAfterCr;

    public EventTracker()
    {
    }

    /// <summary>Nothing of an event has begun.</summary>
    public bool IsBetweenEvents { get; private set; } = true;

    /// <summary>Follows the bytes; returns the place behind the last event that ends in them, or 0.</summary>
    public int Advance(ReadOnlySpan<byte> bytes)
    {
        var end = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            var isEnd = bytes[i] is (byte)'\n' or (byte)'\r';
            // The LF of a CR LF ends no further line.
            if (bytes[i] != (byte)'\n' || !_isAfterCr)
            {
                IsBetweenEvents = isEnd && !_hasText;
                _hasText = !isEnd;
            }

            _isAfterCr = bytes[i] == (byte)'\r';
            if (IsBetweenEvents)
                end = i + 1;
        }

        return end;
    }
}
