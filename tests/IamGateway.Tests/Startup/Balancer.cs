using System.Net;
using System.Net.Sockets;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>
/// A balancer of TCP connections: a new one goes to one of the replicas that were ready when they were last asked. What
/// it has connected stays connected.
/// </summary>
internal sealed class Balancer : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly (Uri Proxy, string Admin)[] _replicas;
    private readonly long[] _connections;
    private readonly Task _running;
    private volatile int[] _ready = [];
    private int _next;

    public Balancer(params (string Proxy, string Admin)[] replicas)
    {
        _replicas = [.. replicas.Select(r => (new Uri(r.Proxy), r.Admin))];
        _connections = new long[replicas.Length];
        _listener.Start();
        _running = Task.WhenAll(AskAsync(), AcceptAsync());
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public bool IsReady(int replica) => _ready.Contains(replica);

    /// <summary>How many connections it has led to a replica.</summary>
    public long Connections(int replica) => Interlocked.Read(ref _connections[replica]);

    private async Task AskAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var ready = new List<int>();
            for (var i = 0; i < _replicas.Length; i++)
            {
                if (await GatewayProcess.ReadyAsync(_replicas[i].Admin) == 200)
                    ready.Add(i);
            }

            _ready = [.. ready];
            await Task.Delay(Period, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = ConnectAsync(await _listener.AcceptSocketAsync(_stop.Token));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ConnectAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            try
            {
                var ready = _ready;
                if (ready.Length == 0)
                    return;
                var chosen = ready[(Interlocked.Increment(ref _next) & int.MaxValue) % ready.Length];
                var proxy = _replicas[chosen].Proxy;
                await server.ConnectAsync(proxy.Host, proxy.Port);
                Interlocked.Increment(ref _connections[chosen]);
                client.NoDelay = server.NoDelay = true;
                await Task.WhenAny(TcpProxy.PumpAsync(client, server), TcpProxy.PumpAsync(server, client));
            }
            catch (SocketException)
            {
                // The client sees a connection that ends without an answer.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _listener.Stop();
        _stop.Dispose();
    }
}
