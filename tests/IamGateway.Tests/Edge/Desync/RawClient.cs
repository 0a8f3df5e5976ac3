using System.Globalization;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>What a client of bytes got: the status and the body of one answer.</summary>
internal sealed record RawAnswer(string Status, string Body, bool Closes);

/// <summary>A client that sends bytes over one connection and reads the answers to them.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TcpClient _client = new() { NoDelay = true };
    private readonly CancellationTokenSource _over = new(Patience);
    private PipeReader _reader = null!;

    public static async Task<RawClient> ConnectAsync(Uri address)
    {
        var raw = new RawClient();
        await raw._client.ConnectAsync(address.Host, address.Port);
        raw._reader = PipeReader.Create(raw._client.GetStream());
        return raw;
    }

    /// <summary>Sends; a peer that has closed the connection is seen when its answer is read.</summary>
    public async Task SendAsync(byte[] bytes)
    {
        try
        {
            await _client.GetStream().WriteAsync(bytes, _over.Token);
        }
        catch (IOException)
        {
            // The answer says why.
        }
    }

    /// <summary>Nothing more will be sent.</summary>
    public void EndSending() => _client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>The next final answer; null: the connection has ended.</summary>
    public async Task<RawAnswer?> ReadAsync(bool isHead = false)
    {
        try
        {
            while (await ReadHeadAsync() is { } head)
            {
                var status = head.Split(' ', 3)[1];
                if (status.StartsWith('1'))
                    continue;
                var closes = head.Contains("\r\nConnection: close", StringComparison.OrdinalIgnoreCase);
                return new RawAnswer(status, isHead ? "" : await ReadBodyAsync(head), closes);
            }
        }
        catch (IOException)
        {
            // Reset by the peer.
        }

        return null;
    }

    private async Task<string?> ReadHeadAsync()
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await ReadAsync(1) is not { Length: 1 } next)
                return head.Length == 0 ? null : throw new InvalidDataException($"An answer ends early: {head}");
            head.Append(next);
        }

        return head.ToString();
    }

    private async Task<string> ReadBodyAsync(string head)
    {
        if (head.Contains("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException("No answer here is expected to come in chunks.");
        const string Length = "\r\nContent-Length: ";
        var at = head.IndexOf(Length, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? "" : await ReadAsync(int.Parse(
            head.AsSpan(at + Length.Length, head.IndexOf('\r', at + Length.Length) - at - Length.Length),
            CultureInfo.InvariantCulture));
    }

    private async Task<string> ReadAsync(int count)
    {
        if (count == 0)
            return "";
        var result = await _reader.ReadAtLeastAsync(count, _over.Token);
        var bytes = result.Buffer.Slice(0, Math.Min(count, result.Buffer.Length));
        var text = Encoding.Latin1.GetString(bytes);
        _reader.AdvanceTo(bytes.End);
        return text;
    }

    public void Dispose()
    {
        _client.Dispose();
        _over.Dispose();
    }
}
