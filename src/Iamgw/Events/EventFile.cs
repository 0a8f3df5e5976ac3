using System.Text;
using Iamgw.Api;

namespace Iamgw.Events;

/// <summary>A file with one event a line. What is in it already is where it goes on.</summary>
internal sealed class EventFile : IDisposable
{
    private const string Beginning = """{"id":""";
    private readonly string _path;
    private readonly FileStream _file;

    private EventFile(string path, FileStream file, EventPlace? last)
    {
        _path = path;
        _file = file;
        Last = last;
    }

    /// <summary>The last event in it.</summary>
    public EventPlace? Last { get; }

    public static EventFile Open(string path)
    {
        FileStream? file = null;
        try
        {
            // Two that write it would mix their lines. What follows it may read it; only Windows asks for that.
            var share = OperatingSystem.IsWindows() ? FileShare.Read : FileShare.None;
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share);
            var (end, last) = file.CanSeek ? Tail(file, path) : throw new IOException("it is no file");
            // A line that a crash cut off is written again.
            file.SetLength(end);
            file.Seek(end, SeekOrigin.Begin);
            return new EventFile(path, file, last);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            file?.Dispose();
            throw Unwritable(path, e);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Where the last whole line ends, and its event.</summary>
    private static (long End, EventPlace? Last) Tail(FileStream file, string path)
    {
        for (var size = 4096L; ; size *= 2)
        {
            var begin = Math.Max(0, file.Length - size);
            var bytes = new byte[file.Length - begin];
            file.Seek(begin, SeekOrigin.Begin);
            file.ReadExactly(bytes);
            var end = Array.LastIndexOf(bytes, (byte)'\n');
            var start = end > 0 ? Array.LastIndexOf(bytes, (byte)'\n', end - 1) : -1;
            if (start < 0 && begin > 0)
                continue;
            var rest = Encoding.UTF8.GetString(bytes.AsSpan(end + 1));
            if (!rest.StartsWith(Beginning, StringComparison.Ordinal)
                && !Beginning.StartsWith(rest, StringComparison.Ordinal))
                throw Strange(path);
            return (begin + end + 1, end < 0 ? null : Read(bytes.AsSpan()[(start + 1)..end], path));
        }
    }

    private static EventPlace Read(ReadOnlySpan<byte> line, string path)
    {
        try
        {
            return EventReader.PlaceOf(Encoding.UTF8.GetString(line)) ?? throw Strange(path);
        }
        catch (Failure)
        {
            throw Strange(path);
        }
    }

    public void Write(string line)
    {
        try
        {
            _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            _file.Flush();
        }
        catch (IOException e)
        {
            throw Unwritable(_path, e);
        }
    }

    private static Failure Unwritable(string path, Exception e) => new(
        ExitCode.Usage, $"'{Show.Clean(path)}' cannot be written: {e.Message.TrimEnd('.')}; correct --output.");

    private static Failure Strange(string path) => new(
        ExitCode.Usage, $"'{Show.Clean(path)}' holds something else than events; name another file with --output.");

    public void Dispose() => _file.Dispose();
}
