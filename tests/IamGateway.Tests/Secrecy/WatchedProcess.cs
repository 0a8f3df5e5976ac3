namespace IamGateway.Tests.Secrecy;

/// <summary>
/// What a program that a test starts means to the search for secrets: a gateway, a store, or nothing.
/// </summary>
internal sealed class WatchedProcess
{
    private const string AdminUrl = "--Kestrel:Endpoints:Admin:Url=";
    private readonly OutputWatch _watch;
    private readonly Output? _output;
    private readonly Uri? _admin;
    private readonly int? _store;

    /// <summary>Null if nobody watches.</summary>
    public static WatchedProcess? Of(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null) =>
        OutputWatch.Current is { } watch ? new WatchedProcess(watch, program, arguments, environment) : null;

    private WatchedProcess(
        OutputWatch watch, string program, IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string?>? environment)
    {
        _watch = watch;
        if (program == "redis-server")
        {
            var option = arguments.ToList().LastIndexOf("--port");
            _store = option >= 0 ? int.Parse(arguments[option + 1]) : null;
            watch.Places.StoreCommand(string.Join(' ', arguments));
        }

        var assembly = arguments.Count > 0 ? Path.GetFileName(arguments[0]) : "";
        if (program != "dotnet" || assembly is not ("IamGateway.dll" or "iamgw.dll"))
            return;
        _output = watch.Outputs.Of($"output of {assembly}");
        if (assembly != "IamGateway.dll")
            return;
        watch.Places.Configuration([.. arguments.Skip(1)], environment);
        _admin = arguments.LastOrDefault(a => a.StartsWith(AdminUrl, StringComparison.Ordinal)) is { } url
            ? new Uri(url[AdminUrl.Length..].Replace("*", "localhost", StringComparison.Ordinal))
            : null;
    }

    public void Printed(string text) => _output?.Write(text);

    /// <summary>It is about to be ended, and can still answer.</summary>
    public async Task EndsAsync()
    {
        if (_store is { } port)
            _watch.Dump(port);
        if (_admin is not null)
            await OutputWatch.AskAsync(_admin);
    }
}
