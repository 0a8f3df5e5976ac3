namespace IamGateway.Instances;

/// <summary>A connection to an instance has ended after something was asked and before a byte of the answer.</summary>
/// <param name="wasDelivered">False: it is certain that nothing of what was asked has reached the instance.</param>
/// <param name="inner">How it ended; null: the instance closed it.</param>
internal sealed class UnansweredException(bool wasDelivered, Exception? inner)
    : IOException("The instance closed the connection without an answer.", inner)
{
    public bool WasDelivered { get; } = wasDelivered;

    /// <summary>The one in a chain of exceptions, or null.</summary>
    public static UnansweredException? In(Exception? error) =>
        error as UnansweredException ?? (error is null ? null : In(error.InnerException));
}
