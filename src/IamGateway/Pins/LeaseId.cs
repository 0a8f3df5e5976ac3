namespace IamGateway.Pins;

/// <summary>
/// Names one request at work: the registration that serves it and its number there. It has no expiry.
/// </summary>
/// <param name="Replica">The registration.</param>
/// <param name="Request">The request's number in it.</param>
/// <param name="Attempt">
/// How often the request has given its leases back. Under another name, a release that is still queued does not take
/// away what was asked for after it.
/// </param>
internal readonly record struct LeaseId(long Replica, long Request, int Attempt = 0)
{
    public override string ToString() =>
        Attempt == 0 ? $"{Replica}.{Request}" : $"{Replica}.{Request}.{Attempt}";
}
