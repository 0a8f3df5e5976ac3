using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Tests.Startup;

/// <summary>
/// An HTTP/1.1 client that keeps its connection until it is told to close it, and repeats nothing, not even what a
/// library would repeat by itself.
/// </summary>
internal sealed class KeepAliveClient(int port, string more = "") : IDisposable
{
    private TcpClient? _connection;
    private Stream _stream = Stream.Null;

    /// <summary>How many connections it was told to close.</summary>
    public int Closed { get; private set; }

    /// <summary>Sends one request; the status and the cookie that its answer sets, if any.</summary>
    public async Task<(int Status, string? Cookie)> SendAsync(
        string method, string path, string? cookie, string body, CancellationToken cancellation)
    {
        if (_connection is null)
        {
            _connection = new TcpClient { NoDelay = true };
            await _connection.ConnectAsync("127.0.0.1", port, cancellation);
            _stream = new BufferedStream(_connection.GetStream());
        }

        var session = cookie is null ? "" : $"Cookie: {cookie}\r\n";
        var request = $"{method} {path} HTTP/1.1\r\nHost: iam\r\n{more}{session}"
            + $"Content-Length: {body.Length}\r\n\r\n{body}";
        await _stream.WriteAsync(Encoding.ASCII.GetBytes(request), cancellation);
        await _stream.FlushAsync(cancellation);
        var status = int.Parse((await LineAsync(cancellation)).Split(' ')[1], CultureInfo.InvariantCulture);
        var headers = new List<string>();
        for (var line = await LineAsync(cancellation); line.Length > 0; line = await LineAsync(cancellation))
            headers.Add(line);
        await ReadBodyAsync(headers, cancellation);
        if (Find(headers, "Connection") == "close")
        {
            Closed++;
            Dispose();
        }

        return (status, Find(headers, "Set-Cookie")?.Split(';')[0]);
    }

    private async Task ReadBodyAsync(List<string> headers, CancellationToken cancellation)
    {
        if (Find(headers, "Content-Length") is { } length)
        {
            await _stream.ReadExactlyAsync(new byte[int.Parse(length, CultureInfo.InvariantCulture)], cancellation);
            return;
        }

        int size;
        do
        {
            size = int.Parse(await LineAsync(cancellation), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            await _stream.ReadExactlyAsync(new byte[size + 2], cancellation);
        }
        while (size > 0);
    }

    private async Task<string> LineAsync(CancellationToken cancellation)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (line.Length < 2 || line[^1] != '\n')
        {
            await _stream.ReadExactlyAsync(one, cancellation);
            line.Append((char)one[0]);
        }

        return line.ToString(0, line.Length - 2);
    }

    private static string? Find(List<string> headers, string name) => headers
        .Find(h => h.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();

    public void Dispose()
    {
        _connection?.Dispose();
        _connection = null;
    }
}
