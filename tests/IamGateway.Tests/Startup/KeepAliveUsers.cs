using System.Collections.Concurrent;
using System.Net.Sockets;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Startup;

/// <summary>
/// Users who log in and then send requests, some slow and some with a body, over connections that they keep, and repeat
/// nothing.
/// </summary>
internal sealed class KeepAliveUsers
{
    public const int Count = 12;
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly Task<int>[] _users;
    private long _answers;
    private volatile bool _isStopped;

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
        _isStopped = true;
        return (await Task.WhenAll(_users)).Sum();
    }

    private async Task<int> UseAsync(int number, int port, string headers)
    {
        using var client = new KeepAliveClient(port, $"Content-Type: application/x-www-form-urlencoded\r\n{headers}");
        string? cookie = null;
        for (var i = -3; !_isStopped; i++)
        {
            var (method, path, body) = i switch
            {
                -3 => ("GET", "/login", ""),
                -2 => ("POST", "/login", $"username=user{number}&password=demo"),
                -1 => ("POST", "/otp", "code=123456"),
                _ => ((i + number) % 5) switch
                {
                    0 => ("GET", "/slow?ms=700", ""),
                    1 => ("POST", "/echo", new string('x', 5_000)),
                    _ => ("GET", "/api/touch?ms=20", ""),
                },
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
                await Task.Delay((i & 3) * 150, CancellationToken.None);
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
