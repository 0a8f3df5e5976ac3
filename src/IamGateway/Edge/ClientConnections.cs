using System.Net;
using IamGateway.Configuration;
using IamGateway.Recording;
using Microsoft.AspNetCore.Connections;

namespace IamGateway.Edge;

/// <summary>Closes connections of a client that has as many as it may have, before anything is read of them.</summary>
internal sealed class ClientConnections(GatewaySettings settings, Peers peers, GatewayMetrics metrics)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ClientKey, int> _open = [];

    public bool IsOn => settings.Options.Limits.ConnectionsPerClient is not null;

    /// <summary>One of TCP, or of QUIC, which carries HTTP/3.</summary>
    public async Task OnConnectionAsync<T>(T connection, Func<T, Task> next)
        where T : BaseConnectionContext
    {
        if (connection.RemoteEndPoint is not IPEndPoint { Address: { } address } || peers.IsUnlimited(address))
        {
            await next(connection);
            return;
        }

        var client = ClientKey.Of(address);
        if (!TryOpen(client))
        {
            metrics.Rejected("too_many_connections");
            connection.Abort();
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            Close(client);
        }
    }

    private bool TryOpen(ClientKey client)
    {
        lock (_lock)
        {
            var open = _open.GetValueOrDefault(client);
            if (open >= settings.Options.Limits.ConnectionsPerClient)
                return false;
            _open[client] = open + 1;
            return true;
        }
    }

    private void Close(ClientKey client)
    {
        lock (_lock)
        {
            if (--_open[client] == 0)
                _open.Remove(client);
        }
    }
}
