using System.Collections.Concurrent;
using System.Text;

namespace IamGateway.Tests.Secrecy;

/// <summary>All that gateways under test put out, in a file for each source, until it is searched.</summary>
internal sealed class Outputs(DirectoryInfo folder)
{
    private readonly ConcurrentDictionary<string, Output> _all = new();

    /// <summary>What is put out after the end is not kept.</summary>
    public bool IsClosed
    {
        get => Volatile.Read(ref _isClosed);
        set => Volatile.Write(ref _isClosed, value);
    }

    private bool _isClosed;

    /// <summary>Outputs that could not be had, and why.</summary>
    public ConcurrentQueue<string> Missing { get; } = new();

    /// <summary>The output of this kind in the test that runs.</summary>
    public Output Of(string kind)
    {
        var context = TestContext.Current;
        var of = context.TestClass?.TestClassSimpleName ?? context.TestCollection?.TestCollectionDisplayName;
        var name = $"{kind} of {(of is null ? "the run" : of)}"
            + (context.TestMethod is { } method ? $".{method.MethodName}" : "");
        return _all.GetOrAdd(name, n => new Output(this, kind, n, NewFile()));
    }

    private string NewFile() => Path.Combine(folder.FullName, $"{Guid.NewGuid():N}.txt");

    public IReadOnlyCollection<Output> All => [.. _all.Values];

    /// <summary>One line for each secret that stands in an output, with the secret itself made unreadable.</summary>
    public IReadOnlyList<string> Leaks(Secrets secrets)
    {
        var search = new SecretSearch(secrets.Sorted());
        return
        [
            .. All.OrderBy(o => o.Name).SelectMany(o => o.Read(
                text => search.Find(text).Select(f => $"{o.Name}: {Masked(f.Secret)} behind '{Line(f.Before)}'"))),
        ];
    }

    private static string Masked(string secret) => $"{secret[..3]}... of {secret.Length} characters";

    private static string Line(string text) => text[(text.LastIndexOf('\n') + 1)..].Trim();
}

/// <summary>What one source puts out.</summary>
internal sealed class Output(Outputs all, string kind, string name, string file)
{
    private const int Room = 2 * 1024;
    private readonly StringBuilder _waiting = new();
    private readonly Lock _lock = new();

    public string Kind => kind;

    public string Name => name;

    public long Length { get; private set; }

    public void Write(string text)
    {
        lock (_lock)
        {
            if (all.IsClosed)
                return;
            _waiting.Append(text).Append('\n');
            Length += text.Length;
            if (_waiting.Length > Room)
                Spill();
        }
    }

    private void Spill()
    {
        File.AppendAllText(file, _waiting.ToString());
        _waiting.Clear();
    }

    public IReadOnlyList<string> Read(Func<TextReader, IEnumerable<string>> read)
    {
        lock (_lock)
        {
            Spill();
            using var reader = new StreamReader(file);
            return [.. read(reader)];
        }
    }
}
