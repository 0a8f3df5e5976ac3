using IamGateway.Configuration;

namespace IamGateway.Tests.Histories;

/// <summary>
/// For each rule of the guarantee the course of events that breaks it: with the rule the history is clean, without it
/// the judge finds a breach.
/// </summary>
public sealed class ProtocolRuleTests
{
    public static TheoryData<string, bool> Cases()
    {
        var cases = new TheoryData<string, bool>();
        foreach (var rule in Enum.GetNames<ProtocolRule>())
        {
            cases.Add(rule, true);
            cases.Add(rule, false);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Rule_OnOrOff_DecidesWhetherTheGuaranteeHolds(string name, bool isOn)
    {
        var rule = Enum.Parse<ProtocolRule>(name);
        (string, string)[] options = rule == ProtocolRule.SharedLease
            ? [("TestOnly:LeasesKeptFor", "00:10:00")]
            : [];
        await using var site = await TwoReplicas.StartAsync(isOn ? null : rule, options);

        await RunAsync(rule, site);

        var verdict = HistoryJudge.Judge(site.Iam.History);
        Assert.True(verdict.Requests >= 2, verdict.ToString());
        Assert.True(verdict.IsClean == isOn, verdict.ToString());
    }

    private static Task RunAsync(ProtocolRule rule, TwoReplicas site) => rule switch
    {
        ProtocolRule.Barrier => BarrierAsync(site),
        ProtocolRule.Acknowledgement => AcknowledgementAsync(site),
        ProtocolRule.InFlightLease => InFlightLeaseAsync(site),
        ProtocolRule.NamesFirst => NamesFirstAsync(site),
        ProtocolRule.StaleFinal => StaleFinalAsync(site),
        ProtocolRule.CutOff => CutOffAsync(site),
        ProtocolRule.NewSessionLease => NewSessionLeaseAsync(site),
        ProtocolRule.Generation => GenerationAsync(site),
        ProtocolRule.Closing => ClosingAsync(site),
        ProtocolRule.GuessedNames => GuessedNamesAsync(site),
        ProtocolRule.SharedLease => SharedLeaseAsync(site),
        _ => throw new InvalidOperationException($"{rule} has no course of events here; write one."),
    };

    private static async Task BarrierAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.ActivateAsync();
        var slow = site.SendAsync(site.A, "/?gate=slow", "s");
        await site.Iam.BegunAsync("slow");
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.B, "/", "s");
        site.Iam.Open("slow");
        await slow;
    }

    private static async Task AcknowledgementAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await TwoReplicas.SettleAsync(site.A);
        site.NetworkOfB.Cut();
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.A, "/", "s");
        await site.SendAsync(site.B, "/", "s");
    }

    private static async Task InFlightLeaseAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        var slow = site.SendAsync(site.A, "/?gate=slow", "s");
        await site.Iam.BegunAsync("slow");
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.B, "/", "s");
        site.Iam.Open("slow");
        await slow;
    }

    private static async Task NamesFirstAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.ActivateAsync();
        var rotation = site.SendAsync(site.A, "/?set=t&gate=slow", "s");
        await site.Iam.BegunAsync("slow");
        site.NetworkOfA.Cut();
        site.Iam.Open("slow");
        // Refused with the rule: then the client has never heard of t.
        if (await rotation is not null)
            await site.SendAsync(site.B, "/", "t");
        await site.SendUntilAnsweredAsync(site.B, "/", "s");
    }

    private static async Task StaleFinalAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.A, "/", "s");
        using var retired = await site.A.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        await site.SendAsync(site.A, "/", "s");
        await TwoReplicas.WeighAsync(site.A, "8.3.0", "8.4.0", 100);
        await site.SendAsync(site.B, "/", "s");
        await site.SendAsync(site.A, "/", "s");
    }

    private static async Task CutOffAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.ActivateAsync();
        using var abort = new CancellationTokenSource();
        var slow = site.SendAsync(site.A, "/?gate=slow", "s", abort.Token);
        await site.Iam.BegunAsync("slow");
        await abort.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow);
        await TwoReplicas.SettleAsync(site.A);
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.A, "/", "s");
        site.Iam.Open("slow");
    }

    private static async Task NewSessionLeaseAsync(TwoReplicas site)
    {
        await site.ActivateAsync();
        using var first = await site.BeginAsync(site.A, "/?set=s&gate=slow&stream");
        // A cannot see the new weights; seeing them it would look for what is in flight.
        site.NetworkOfA.Cut();
        await TwoReplicas.WeighAsync(site.B, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.B, "/", "s");
        site.Iam.Open("slow");
        await first.Content.ReadAsStringAsync();
    }

    private static async Task GenerationAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.ActivateAsync();
        await site.SendAsync(site.A, "/", "s");
        await TwoReplicas.SettleAsync(site.A);
        await site.Redis.SaveAsync();
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await site.SendAsync(site.A, "/", "s");
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 0);
        await site.Redis.KillAsync();
        await site.Redis.StartAsync();
        await site.SendUntilAnsweredAsync(site.B, "/", "s");
    }

    private static async Task ClosingAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.ActivateAsync();
        var slow = site.SendAsync(site.A, "/?gate=slow", "s");
        await site.Iam.BegunAsync("slow");
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        using var retired = await site.A.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        await TwoReplicas.SeesAsync(site.B, site.A);
        await site.SendAsync(site.B, "/", "s");
        site.Iam.Open("slow");
        await slow;
    }

    private static async Task SharedLeaseAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.SendAsync(site.B, "/?set=t");
        await site.ActivateAsync();
        await TwoReplicas.SeesAsync(site.B, site.A);
        await site.StaysAsync(site.A, "s", "8.2.1");
        var holds = site.SendAsync(site.B, "/?gate=closing", "t");
        await site.Iam.BegunAsync("closing");
        using var retired = await site.A.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        await TwoReplicas.SeesAsync(site.B, site.A);
        // A has nothing at work on the old version and has said so.
        await TwoReplicas.AcknowledgesAsync(site.A);
        var slow = site.SendAsync(site.A, "/?gate=slow", "s");
        await site.Iam.BegunAsync("slow");
        site.Iam.Open("closing");
        await holds;
        await site.SendUntilAnsweredAsync(site.B, "/", "s");
        site.Iam.Open("slow");
        await slow;
    }

    private static async Task GuessedNamesAsync(TwoReplicas site)
    {
        await site.SendAsync(site.B, "/?set=s");
        await TwoReplicas.SettleAsync(site.B);
        site.NetworkOfB.Cut();
        await site.SendAsync(site.B, "/?set=t", "s");
        // A has not seen t issued, and hands out u.
        await site.SendAsync(site.A, "/?set=u", "t");
        await TwoReplicas.SettleAsync(site.A);
        site.NetworkOfB.Heal();
        await TwoReplicas.SettleAsync(site.B);
        Assert.True(await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100));
        await site.SendUntilAnsweredAsync(site.A, "/", "s");
        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 0);
        await site.SendUntilAnsweredAsync(site.A, "/", "u");
    }
}
