using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Bench.Servers;

/// <summary>A redis-server of one subject, so that its time and its calls are that subject's.</summary>
internal sealed class Redis : IDisposable
{
    private Redis(ChildProcess process, int port) => (Process, Port) = (process, port);

    public ChildProcess Process { get; }

    public int Port { get; }

    public static async Task<Redis> StartAsync(string folder)
    {
        var port = ChildProcess.FreePort();
        var process = new ChildProcess(
            Path.Combine(folder, "redis.log"), "redis-server",
            ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]);
        await process.WaitForPortAsync(port);
        return new Redis(process, port);
    }

    /// <summary>
    /// Calls that clients have made so far: scripts, and reads and writes of single keys outside of scripts.
    /// </summary>
    public long Calls(bool ofScripts)
    {
        string[] names = ofScripts ? ["eval", "evalsha", "fcall"] : ["get", "set"];
        return Info("commandstats")
            .Where(l => names.Any(n => l.StartsWith($"cmdstat_{n}:", StringComparison.Ordinal)))
            .Sum(l => long.Parse(l.Split("calls=")[1].Split(',')[0], CultureInfo.InvariantCulture));
    }

    public long UsedMemory() => Info("memory")
        .Where(l => l.StartsWith("used_memory:", StringComparison.Ordinal))
        .Sum(l => long.Parse(l.Split(':')[1], CultureInfo.InvariantCulture));

    private string[] Info(string section)
    {
        using var client = new TcpClient("127.0.0.1", Port);
        using var stream = client.GetStream();
        stream.Write(Encoding.ASCII.GetBytes($"INFO {section}\r\nQUIT\r\n"));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split("\r\n");
    }

    public void Dispose() => Process.Dispose();
}
