using IamGateway.Tests.Secrecy;

[assembly: AssemblyFixture(typeof(SecrecyRun))]

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// With IAMGATEWAY_SEARCH_OUTPUTS=1 watches the whole run of tests: what they use as secrets, and what gateways put
/// out. At its end no secret may stand in any output; a finding is an error of the run.
/// </summary>
public sealed class SecrecyRun : IDisposable
{
    private const int MaxShown = 100;
    private readonly IDisposable? _traffic = Watch?.WatchTraffic();

    internal static OutputWatch? Watch { get; } =
        Environment.GetEnvironmentVariable("IAMGATEWAY_SEARCH_OUTPUTS") == "1" ? new OutputWatch() : null;

    public void Dispose()
    {
        _traffic?.Dispose();
        if (Watch is null)
            return;
        using (Watch)
        {
            var findings = Watch.Findings();
            TestContext.Current.SendDiagnosticMessage(
                "Of {0:N0} secrets, none may stand in {1:N0} outputs of {2:N0} characters: {3}", Watch.Secrets.Count,
                Watch.Outputs.All.Count, Watch.Outputs.All.Sum(o => o.Length), string.Join(
                    ", ", Watch.Outputs.All.GroupBy(o => o.Kind).Select(k => $"{k.Key} {k.Sum(o => o.Length):N0}")));
            if (findings.Count > 0)
            {
                var shown = string.Join('\n', findings.Take(MaxShown));
                throw new InvalidOperationException($"{findings.Count} times a secret stands in an output.\n{shown}");
            }
        }
    }
}
