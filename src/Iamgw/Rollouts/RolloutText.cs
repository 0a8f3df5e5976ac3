using Iamgw.Api;

namespace Iamgw.Rollouts;

/// <summary>Sentences about a rollout, as markup.</summary>
internal static class RolloutText
{
    public static string Headline(Rollout rollout, DateTimeOffset now) =>
        $"{Show.Safe(rollout.From)} -> {Show.Safe(rollout.To)}, {State(rollout.State)}{Where(rollout, now)}";

    public static string State(string? state) => state switch
    {
        "progressing" or "draining" => $"[blue]{state}[/]",
        "completed" => "[green]completed[/]",
        "paused" => "[yellow]paused[/]",
        "aborted" or "failed" => $"[red]{state}[/]",
        _ => Show.Safe(state),
    };

    /// <summary>Where it is: the step, or how far the drain has come.</summary>
    public static string Where(Rollout rollout, DateTimeOffset now)
    {
        if (rollout.State == "draining" && rollout.Drain is { } drain)
            return ", " + Left(drain, now);
        if (rollout.IsEnded || rollout.CurrentStep is not { } step)
            return "";
        return $", step {rollout.Step + 1} of {rollout.AllSteps.Count} at {step.Weight} %";
    }

    /// <summary>What has to happen before it goes on.</summary>
    public static string WaitsFor(Rollout rollout, DateTimeOffset now)
    {
        var about = rollout.Message is { Length: > 0 } message ? $": {Show.Safe(message)}" : "";
        return (rollout.State, rollout.WaitingFor) switch
        {
            ("paused", _) =>
                "a person: [bold]iamgw rollout resume[/], [bold]promote[/] or [bold]abort[/]",
            (_, "manual") => "a person: [bold]iamgw rollout resume[/] passes this step",
            (_, "hold") when rollout.HoldEndsAt is { } end =>
                $"the hold to end{(end > now ? $", in [bold]{Show.Span(end - now)}[/]" : " now")}",
            (_, "hold") => "the hold to end",
            (_, "requests") =>
                $"more requests of {Show.Safe(rollout.To)} to judge by{about}; [bold]iamgw rollout resume[/] passes",
            (_, "replicas") => $"replicas to apply the weights{about}",
            (_, "gate") => $"a gate to let it pass{about}",
            (_, "drain") => $"{Show.Safe(rollout.From)} to be empty{about}",
            (_, null) => "",
            (_, var other) => Show.Safe(other) + about,
        };
    }

    public static string Left(Drain drain, DateTimeOffset now)
    {
        var of = drain.SessionsAtStart is { } start ? $" of {Show.Count(start)}" : "";
        var work = drain.InFlight > 0 ? $", {Show.Count(drain.InFlight)} requests at work" : "";
        var estimate = drain switch
        {
            { EstimatedEnd: null } => "",
            { EstimatedEnd: { } end } when end >= drain.Deadline =>
                $", not before the deadline in {Show.Span(drain.Deadline - now)}",
            { EstimatedEnd: { } end } when end > now => $", about {Show.Span(end - now)} left",
            _ => "",
        };
        return $"{Show.Count(drain.SessionsLeft)}{of} sessions left{work}{estimate}";
    }
}
