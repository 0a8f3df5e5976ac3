using System.Net;
using System.Net.Sockets;

namespace IamGateway.Tests.Servers;

/// <summary>
/// Ports for servers that are to listen on one that is known before, or come back on the same one: below the range from
/// which the system takes ports, so that no connection and no other server sits on it meanwhile.
/// </summary>
internal static class Ports
{
    private const int Lowest = 10_000;
    private const int Highest = 20_000;
    private static readonly HashSet<int> Given = [];

    /// <summary>A free port whose neighbour 10,000 above is free, too (a Redis Cluster's bus).</summary>
    public static int Next()
    {
        lock (Given)
        {
            while (true)
            {
                var port = Random.Shared.Next(Lowest, Highest);
                if (IsFree(port) && IsFree(port + 10_000) && Given.Add(port))
                    return port;
            }
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
