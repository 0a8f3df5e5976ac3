using System.Net.Sockets;

namespace IamGateway.Instances;

/// <summary>
/// Lets the system notice, by probes of TCP (RFC 9293, section 3.8.4), that the other end has gone silently.
/// </summary>
internal static class KeepAlive
{
    private const int IdleSeconds = 60;
    private const int BetweenSeconds = 10;
    private const int Probes = 6;

    public static void Set(Socket socket)
    {
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, IdleSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, BetweenSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended, or is none of TCP.
        }
    }
}
