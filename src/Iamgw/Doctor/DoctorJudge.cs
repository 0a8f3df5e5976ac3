using Iamgw.Api;

namespace Iamgw.Doctor;

/// <summary>What is wrong, and what to do about it.</summary>
internal static class DoctorJudge
{
    public static IReadOnlyList<Finding> Judge(DoctorFacts facts)
    {
        if (facts.Unreachable is { } unreachable)
            return [Finding.Wrong("address", unreachable, "Start the gateway, or correct the address.")];
        var findings = new List<Finding> { Address(facts) };
        findings.Add(facts.NotAuthorised is { } why
            ? Finding.Wrong("credentials", why, $"To give credentials, {Credentials.Advice}.")
            : Role(facts));
        if (facts.Credentials.Warning is { } warning)
            findings.Add(Finding.Wrong("key file", warning, "Take the rights of others away, and replace the key."));
        if (facts.Readiness is { } readiness)
            findings.Add(Ready(readiness));
        if (facts.Refused is { } refused)
            findings.Add(Finding.Wrong("status", refused, "Look at the gateway's log."));
        if (facts.Status is not { } status)
            return findings;
        findings.Add(Store(status));
        findings.Add(Replicas(facts, status));
        findings.Add(Generation(facts, status));
        findings.Add(Phase(facts, status));
        findings.AddRange(InstanceJudge.Judge(status, facts.Instances));
        if (status.Rollout is { } rollout)
            findings.Add(Rollout(rollout));
        return findings;
    }

    public static bool IsAtRest(Status status) => status.Phase is "steady" or "active";

    /// <summary>Replicas that have not applied the present revision.</summary>
    public static IEnumerable<Replica> Behind(Status status, IEnumerable<Replica> replicas) =>
        replicas.Where(r => !r.Forgotten && r.AcknowledgedRevision < status.Revision);

    private static Finding Address(DoctorFacts facts)
    {
        if (facts.Skew != TimeSpan.Zero)
        {
            return Finding.Note(
                "address",
                $"The gateway answers at {facts.Address}; its clock differs from yours by "
                + $"{Show.Span(facts.Skew.Duration())}.",
                "Let both machines synchronise their clocks.");
        }

        return facts.Address is { Scheme: "http", IsLoopback: false } && !facts.Credentials.IsNone
            ? Finding.Note(
                "address", $"The gateway answers at {facts.Address}; credentials travel there unencrypted.",
                "Give the admin listener a certificate, unless the way there is private.")
            : Finding.Ok("address", $"The gateway answers at {facts.Address}.");
    }

    private static Finding Role(DoctorFacts facts)
    {
        var from = facts.Credentials.IsNone
            ? "No credentials are asked for"
            : $"The credentials from {facts.Credentials.Source} are accepted";
        return facts.Role switch
        {
            "viewer" => Finding.Note(
                "credentials", $"{from}; their role is viewer, which reads only.",
                "To steer rollouts and instances, use a key with the role operator."),
            null => Finding.Note("credentials", $"{from}; their role could not be found out."),
            var role => Finding.Ok("credentials", $"{from}; the role is {role}."),
        };
    }

    private static Finding Ready(Readiness readiness) => readiness.Status == "UP"
        ? Finding.Ok("readiness", "The gateway is ready.")
        : Finding.Wrong(
            "readiness", $"The gateway is not ready: {Show.Clean(readiness.Reason)}",
            "Bring back what it waits for; until then it refuses what it could not route safely.");

    private static Finding Store(Status status)
    {
        var store = status.Store;
        var kind = Show.Clean(store?.Kind);
        if (store?.Up != true)
        {
            return Finding.Wrong(
                "store", $"The store ({kind}) does not answer.",
                "Bring Redis back and check ConnectionStrings:Redis; the gateway's log names the error.");
        }

        if (store.Queued > 0)
            return Finding.Note("store", $"The store ({kind}) is up; {Show.Count(store.Queued)} writes wait for it.");
        return kind == "embedded"
            ? Finding.Note(
                "store", "The store is embedded and up: pins end with the process, and there can be one replica only.",
                "For production set ConnectionStrings:Redis.")
            : Finding.Ok("store", $"The store ({kind}) is up.");
    }

    private static Finding Replicas(DoctorFacts facts, Status status)
    {
        var behind = Behind(status, facts.Replicas).ToArray();
        var names = string.Join(", ", behind.Select(r => $"{Show.Clean(r.Name)} at {r.AcknowledgedRevision}"));
        if (behind.Length > 0)
        {
            return Finding.Wrong(
                "replicas",
                $"Silent: {names}; the revision is {status.Revision}, and they were waited for "
                + $"{Show.Span(facts.Observed)}.",
                "Start the replica again, or if its process is dead: iamgw replicas forget NAME.");
        }

        var forgotten = facts.Replicas.Count(r => r.Forgotten);
        var all = $"All {facts.Replicas.Count - forgotten} replicas have applied revision {status.Revision}";
        return forgotten > 0
            ? Finding.Note("replicas", $"{all}; {forgotten} forgotten ones count until RequestTimeout has passed.")
            : Finding.Ok("replicas", $"{all}.");
    }

    // A generation is a revision that every replica must acknowledge, so that the present revision is enough.
    private static Finding Generation(DoctorFacts facts, Status status)
    {
        var tag = Show.Clean(status.Store?.Generation);
        return Behind(status, facts.Replicas).Any()
            ? Finding.Wrong(
                "generation", $"Not every replica is known to have acknowledged the store's generation {tag}.",
                "Bring the silent replicas back or forget them; until then old claims in the store do not count.")
            : Finding.Ok("generation", $"Every replica has acknowledged the store's generation {tag}.");
    }

    private static Finding Phase(DoctorFacts facts, Status status)
    {
        var phase = Show.Clean(status.Phase);
        if (IsAtRest(status))
            return Finding.Ok("phase", $"No change is under way; the phase is {phase}.");
        var seen = $"The phase is {phase} for {Show.Span(facts.Observed)} or longer";
        if (Behind(status, facts.Replicas).Any())
            return Finding.Wrong("phase", $"{seen}: silent replicas hold the change up.", "See replicas above.");
        return status.Phase is "closing" or "revoking"
            ? Finding.Note(
                "phase", $"{seen}; it ends when the last requests on the version do, after RequestTimeout at most.")
            : Finding.Wrong(
                "phase", $"{seen}, although every replica has applied it.",
                "If it stays so for longer than RequestTimeout, look at the replicas' logs.");
    }

    private static Finding Rollout(Rollout rollout)
    {
        var what =
            $"The rollout from {Show.Clean(rollout.From)} to {Show.Clean(rollout.To)} is {Show.Clean(rollout.State)}";
        return rollout.State == "paused"
            ? Finding.Note(
                "rollout", $"{what}: {Show.Clean(rollout.LastReason)}.",
                "iamgw rollout resume, promote or abort.")
            : Finding.Ok("rollout", $"{what}.");
    }
}
