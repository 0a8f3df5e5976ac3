using System.Net.Sockets;

/// <summary>
/// Runs inside the .NET programs that are measured (DOTNET_STARTUP_HOOKS), before them: tells who connects to the
/// socket named by BENCH_PROBE how many bytes the process has allocated so far. The runtime wants this name.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable("BENCH_PROBE") is not { } path)
            return;
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        new Thread(() =>
        {
            while (true)
            {
                using var connection = listener.Accept();
                connection.Send(BitConverter.GetBytes(GC.GetTotalAllocatedBytes(precise: true)));
            }
        })
        { IsBackground = true }.Start();
    }
}
