using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Tests.Secrecy;

/// <summary>Everything that a redis-server holds, keys and values, a character for each byte.</summary>
internal sealed class RedisDump : IDisposable
{
    // Instances of the IAM under test keep their users' state in the same server.
    private static readonly string[] OfInstances = ["op:", "demoiam:"];
    private readonly TcpClient _client = new();
    private readonly BufferedStream _stream;

    private RedisDump(int port)
    {
        _client.Connect("127.0.0.1", port);
        _stream = new BufferedStream(_client.GetStream());
        _client.ReceiveTimeout = _client.SendTimeout = 10_000;
    }

    /// <summary>Reads it with one of the credentials, if it asks for any.</summary>
    public static void Read(int port, IEnumerable<(string? User, string Password)> credentials, Action<string> write)
    {
        using var redis = new RedisDump(port);
        foreach (var (user, password) in credentials)
        {
            if (redis.Ask("DBSIZE") is not RedisError)
                break;
            redis.Ask(user is null ? ["AUTH", password] : ["AUTH", user, password]);
        }

        // What is compressed cannot be searched.
        redis.Must("CONFIG", "SET", "rdbcompression", "no");
        redis.Ask("READONLY");
        var cursor = "0";
        do
        {
            var page = (object?[])redis.Must("SCAN", cursor, "COUNT", "1000")!;
            cursor = (string)page[0]!;
            var keys = ((object?[])page[1]!).Cast<string>()
                .Where(k => !OfInstances.Any(p => k.StartsWith(p, StringComparison.Ordinal))).ToArray();
            foreach (var key in keys)
                redis.Send("DUMP", key);
            foreach (var key in keys)
                write($"{key}\n{redis.Receive() as string}");
        }
        while (cursor != "0");
    }

    private object? Must(params string[] command) => Ask(command) is RedisError error
        ? throw new InvalidDataException($"{command[0]}: {error.Message}")
        : _last;

    private object? _last;

    private object? Ask(params string[] command)
    {
        Send(command);
        return _last = Receive();
    }

    private void Send(params string[] command)
    {
        var text = new StringBuilder($"*{command.Length}\r\n");
        foreach (var part in command)
            text.Append(CultureInfo.InvariantCulture, $"${part.Length}\r\n{part}\r\n");
        _stream.Write(Encoding.Latin1.GetBytes(text.ToString()));
    }

    private object? Receive()
    {
        _stream.Flush();
        var line = ReadLine();
        var rest = line[1..];
        return line[0] switch
        {
            '+' or ':' => rest,
            '-' => new RedisError(rest),
            '$' => int.Parse(rest, CultureInfo.InvariantCulture) is >= 0 and var length ? ReadText(length) : null,
            '*' => ReadArray(int.Parse(rest, CultureInfo.InvariantCulture)),
            _ => throw new InvalidDataException($"'{line}' is no answer of Redis."),
        };
    }

    private object?[] ReadArray(int length)
    {
        var all = new object?[Math.Max(0, length)];
        for (var i = 0; i < all.Length; i++)
            all[i] = Receive();
        return all;
    }

    private string ReadText(int length)
    {
        var bytes = new byte[length + 2];
        _stream.ReadExactly(bytes);
        return Encoding.Latin1.GetString(bytes, 0, length);
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        for (var b = _stream.ReadByte(); b != '\n'; b = _stream.ReadByte())
        {
            if (b < 0)
                throw new EndOfStreamException("redis-server has closed the connection.");
            line.Append((char)b);
        }

        return line.ToString().TrimEnd('\r');
    }

    public void Dispose()
    {
        _stream.Dispose();
        _client.Dispose();
    }

    private sealed record RedisError(string Message);
}
