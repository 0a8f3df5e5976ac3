namespace IamGateway.Tests.Secrecy;

/// <summary>What a program that a test starts is to the search for secrets: a gateway, a store, or nothing.</summary>
internal sealed class WatchedProcess
{
    private const string AdminUrl = "--Kestrel:Endpoints:Admin:Url=";
    private readonly Output? _output;
    private readonly Uri? _admin;
    private readonly int? _store;

    public WatchedProcess(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        if (program == "redis-server")
        {
            var option = arguments.ToList().LastIndexOf("--port");
            _store = option >= 0 ? int.Parse(arguments[option + 1]) : null;
            SecrecyRun.Places.StoreCommand(string.Join(' ', arguments));
        }

        var assembly = arguments.Count > 0 ? Path.GetFileName(arguments[0]) : "";
        if (program != "dotnet" || assembly is not ("IamGateway.dll" or "iamgw.dll"))
            return;
        _output = SecrecyRun.Outputs.Of($"output of {assembly}");
        if (assembly != "IamGateway.dll")
            return;
        SecrecyRun.Places.Configuration([.. arguments.Skip(1)], environment);
        _admin = arguments.LastOrDefault(a => a.StartsWith(AdminUrl, StringComparison.Ordinal)) is { } url
            ? new Uri(url[AdminUrl.Length..].Replace("*", "localhost", StringComparison.Ordinal))
            : null;
    }

    public void Printed(string text) => _output?.Write(text);

    /// <summary>It is about to be ended, and can still answer.</summary>
    public async Task EndsAsync()
    {
        if (_store is { } port)
            SecrecyRun.Dump(port);
        if (_admin is not null)
            await SecrecyRun.AskAsync(_admin);
    }
}
