namespace IamGateway.Tests.Servers;

/// <summary>Waits for what other processes and threads bring about, by asking again and again.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()), Patience);

    public static Task UntilAsync(Func<Task<bool>> condition) => UntilAsync(condition, Patience);

    /// <summary>Throws <see cref="OperationCanceledException"/> when the time is over.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, TimeSpan patience)
    {
        using var over = new CancellationTokenSource(patience);
        while (!await condition())
            await Task.Delay(Interval, over.Token);
    }
}
