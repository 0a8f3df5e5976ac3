using System.Collections.Concurrent;

namespace IamGateway.Edge;

/// <summary>
/// How often each client may do something: so many a second, and ten times as many at once after a pause (the generic
/// cell rate algorithm, ITU-T I.371). What is remembered is bounded; who is forgotten begins anew.
/// </summary>
internal sealed class ClientRate(int perSecond, TimeProvider time)
{
    private const int BurstSeconds = 10;
    private const int MaxClients = 100_000;

    private readonly long _interval = perSecond > 0 ? Math.Max(time.TimestampFrequency / perSecond, 1) : 0;
    private ConcurrentDictionary<ClientKey, Client> _clients = new();
    private int _count;

    public bool IsOn => perSecond > 0;

    private long Burst => _interval * ((long)perSecond * BurstSeconds - 1);

    /// <summary>Whether the client might do it once more.</summary>
    public bool IsLeft(ClientKey key) =>
        !_clients.TryGetValue(key, out var client) || Volatile.Read(ref client.Due) - time.GetTimestamp() <= Burst;

    /// <summary>Whether the client may do it once more, which counts if it may.</summary>
    public bool TryTake(ClientKey key)
    {
        var client = Find(key);
        while (true)
        {
            var now = time.GetTimestamp();
            var due = Volatile.Read(ref client.Due);
            if (due - now > Burst)
                return false;
            var next = Math.Max(due, now) + _interval;
            if (Interlocked.CompareExchange(ref client.Due, next, due) == due)
                return true;
        }
    }

    private Client Find(ClientKey key)
    {
        var clients = _clients;
        if (clients.TryGetValue(key, out var client))
            return client;
        if (Interlocked.Increment(ref _count) > MaxClients)
        {
            clients = new ConcurrentDictionary<ClientKey, Client>();
            Volatile.Write(ref _count, 0);
            Volatile.Write(ref _clients, clients);
        }

        return clients.GetOrAdd(key, static (_, start) => new Client { Due = start }, time.GetTimestamp());
    }

    private sealed class Client
    {
        // When the client will have used up nothing of what it may do at once.
        public long Due;
    }
}
