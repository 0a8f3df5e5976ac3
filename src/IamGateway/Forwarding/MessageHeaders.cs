namespace IamGateway.Forwarding;

internal static class MessageHeaders
{
    /// <summary>
    /// Gives a request to an instance this header alone, whatever the client or the route has said in it; null: none.
    /// A value that would end its line is none.
    /// </summary>
    public static void Set(this HttpRequestMessage message, string name, string? value)
    {
        message.Headers.Remove(name);
        if (value is not null && !value.AsSpan().ContainsAny('\r', '\n'))
            message.Headers.TryAddWithoutValidation(name, value);
    }
}
