using System.Diagnostics;
using System.Text.Json;

namespace DemoIam;

/// <summary>
/// Begin (b) or end (e) of one request's work on a session. The timestamp is Stopwatch.GetTimestamp(), that is
/// CLOCK_MONOTONIC, comparable between the processes of one host. Begin and end share Instance and Request.
/// </summary>
public sealed record HistoryEntry(
    long Timestamp, char Kind, long Request, string Sid, string Version, string Instance, string Path)
{
    public const char Begin = 'b';
    public const char End = 'e';

    /// <summary>Reads a history file; the file may still be written to, and its last line may be torn.</summary>
    public static IReadOnlyList<HistoryEntry> ReadFile(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().Split('\n');
        // What follows the last line break is not complete (and empty as a rule).
        return [.. lines[..^1].Select(line =>
            JsonSerializer.Deserialize<HistoryEntry>(line, JsonSerializerOptions.Web)!)];
    }
}

/// <summary>Records entries in memory or in a file, in the order of their timestamps.</summary>
internal sealed class HistoryRecorder : IDisposable
{
    private readonly Lock _lock = new();
    private readonly FileStream? _file;
    private readonly Queue<HistoryEntry> _entries = new();
    private readonly int _limit;

    // Request numbers start at the clock, so that a restarted instance of the same name never reuses one.
    private long _request = Stopwatch.GetTimestamp();
    private bool _closed;

    public HistoryRecorder(string? file, int limit)
    {
        _limit = limit;
        // No buffer: each entry is one write() and survives a kill of the process.
        if (file is not null)
            _file = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    public long Dropped { get; private set; }

    public IReadOnlyList<HistoryEntry> Snapshot()
    {
        lock (_lock)
            return [.. _entries];
    }

    public long NextRequest() => Interlocked.Increment(ref _request);

    public void Record(char kind, long request, string sid, string version, string instance, string path)
    {
        lock (_lock)
        {
            var entry = new HistoryEntry(Stopwatch.GetTimestamp(), kind, request, sid, version, instance, path);
            if (_file is null)
            {
                if (_entries.Count >= _limit && _entries.TryDequeue(out _))
                    Dropped++;
                _entries.Enqueue(entry);
            }
            else if (!_closed)
            {
                _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(entry, JsonSerializerOptions.Web), (byte)'\n']);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _file?.Dispose();
        }
    }
}
