using System.CommandLine;
using System.Text.Json;
using Iamgw.Api;
using Iamgw.Doctor;

namespace Iamgw.Commands;

internal static class DoctorCommand
{
    public static Command Of(Verbs verbs) =>
        verbs.Command("doctor", "Check the gateway, its store, replicas and instances, and say what to fix", RunAsync);

    private static async Task<int> RunAsync(Call call, CancellationToken cancellation)
    {
        var findings = DoctorJudge.Judge(await new DoctorVisit(call).RunAsync(cancellation));
        var wrong = findings.Count(f => f.Result == FindingKind.Wrong);
        if (call.IsJson)
        {
            call.Surroundings.Out.WriteLine(JsonSerializer.Serialize(
                findings.Select(f => new
                {
                    f.Check,
                    Result = f.Result.ToString().ToLowerInvariant(),
                    f.Detail,
                    f.Fix,
                }),
                AdminClient.Options));
        }

        foreach (var finding in findings)
        {
            call.Say($"{Mark(finding.Result)} [bold]{Show.Safe(finding.Check)}[/]: {Show.Safe(finding.Detail)}");
            if (finding.Fix is { } fix)
                call.Say($"        {Show.Safe(fix)}");
        }

        call.Say(wrong == 0 ? "Nothing is wrong." : $"{wrong} of {findings.Count} checks found something wrong.");
        return wrong == 0 ? ExitCode.Ok : ExitCode.Refused;
    }

    private static string Mark(FindingKind result) => result switch
    {
        FindingKind.Ok => "[green]ok   [/]",
        FindingKind.Note => "[yellow]note [/]",
        _ => "[red]wrong[/]",
    };
}
