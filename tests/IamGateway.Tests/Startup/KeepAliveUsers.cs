using System.Collections.Concurrent;
using System.Net.Sockets;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Startup;

/// <summary>
/// Users with a session each, who send requests, some slow and some with a body, over connections that they keep, and
/// repeat nothing.
/// </summary>
internal sealed class KeepAliveUsers
{
    public const int Count = 12;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly Task<int>[] _users;
    private long _answers;

    public KeepAliveUsers(int port, Func<int, string>? headers = null) =>
        _users = [.. Enumerable.Range(0, Count).Select(n => UseAsync(n, port, headers?.Invoke(n) ?? ""))];

    public IReadOnlyCollection<string> Failures => _failures;

    public long Answers => Interlocked.Read(ref _answers);

    /// <summary>Waits for so many answers more.</summary>
    public Task MoreAsync(int answers)
    {
        var target = Answers + answers;
        return UntilAsync(() => Answers >= target);
    }

    /// <summary>How many connections they were told to give up.</summary>
    public async Task<int> StopAsync()
    {
        await _stop.CancelAsync();
        return (await Task.WhenAll(_users)).Sum();
    }

    private async Task<int> UseAsync(int number, int port, string headers)
    {
        using var client = new KeepAliveClient(port, headers);
        string? cookie = null;
        for (var i = number; !_stop.IsCancellationRequested; i++)
        {
            var (method, path, body) = (i % 5) switch
            {
                0 => ("GET", "/slow?ms=700", ""),
                1 => ("POST", "/echo", new string('x', 5_000)),
                _ => ("GET", "/slow?ms=20", ""),
            };
            try
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
                var (status, set) = await client.SendAsync(method, path, cookie, body, patience.Token);
                cookie = set ?? cookie;
                if (status != 200)
                    _failures.Enqueue($"{DateTime.UtcNow:HH:mm:ss.fff} {method} {path}: {status}");
                Interlocked.Increment(ref _answers);
                // Users read: so a connection may lie idle just when the listener closes.
                await Task.Delay(i % 4 * 150, CancellationToken.None);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                _failures.Enqueue($"{DateTime.UtcNow:HH:mm:ss.fff} {method} {path}: {e.Message}");
                client.Dispose();
            }
        }

        return client.Closed;
    }
}
