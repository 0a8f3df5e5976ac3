using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>How many threads of the process wait for sockets; the runtime gives them a name.</summary>
public sealed class SocketThreadsTests
{
    [Fact]
    public async Task Threads_NothingSaid_AreTwoAProcessor() =>
        Assert.Equal(2 * Environment.ProcessorCount, await CountAsync(null));

    [Fact]
    public async Task Threads_SetInTheEnvironment_AreAsMany() => Assert.Equal(3, await CountAsync("3"));

    private static async Task<int> CountAsync(string? set)
    {
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        await using var process = GatewayProcess.Start(
            GatewayProcess.Arguments(("Kestrel:Endpoints:Admin:Url", admin)),
            ("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", set));
        await process.UntilReadyAsync(admin);
        return Directory.GetDirectories($"/proc/{process.Process.Id}/task")
            .Count(t => File.ReadAllText(Path.Combine(t, "comm")).Trim() == ".NET Sockets");
    }
}
