namespace IamGateway.Pins;

/// <summary>
/// Names one request at work: the registration that serves it and its number there. It has no expiry.
/// </summary>
internal readonly record struct LeaseId(long Replica, long Request)
{
    public override string ToString() => $"{Replica}.{Request}";
}
