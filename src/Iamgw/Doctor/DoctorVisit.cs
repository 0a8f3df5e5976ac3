using Iamgw.Api;

namespace Iamgw.Doctor;

/// <summary>Asks the gateway for all that the doctor judges by. Nothing is changed by it.</summary>
internal sealed class DoctorVisit(Call call)
{
    // A change that is under way takes milliseconds; what is behind for longer is silent.
    private const int Looks = 5;

    public async Task<DoctorFacts> RunAsync(CancellationToken cancellation)
    {
        var facts = new DoctorFacts { Address = call.Client.Address, Credentials = call.Client.Credentials };
        try
        {
            var readiness = await ReadinessAsync(cancellation);
            facts = facts with { Readiness = readiness, Skew = call.Client.Skew };
            return await InsideAsync(facts, cancellation);
        }
        catch (Failure failure)
        {
            return failure.ExitCode switch
            {
                ExitCode.Unreachable => facts with { Unreachable = failure.Message },
                ExitCode.NotAuthorised => facts with { NotAuthorised = failure.Message },
                _ => facts with { Refused = failure.Message },
            };
        }
    }

    private async Task<Readiness> ReadinessAsync(CancellationToken cancellation)
    {
        try
        {
            return (await call.Client.GetAsync("health/ready", cancellation)).Read<Readiness>();
        }
        catch (Failure failure) when (failure.Answer is { IsJson: true, Status: 503 } answer)
        {
            return answer.Read<Readiness>();
        }
    }

    private async Task<DoctorFacts> InsideAsync(DoctorFacts facts, CancellationToken cancellation)
    {
        facts = facts with { Role = await RoleAsync(cancellation) };
        var started = call.Time.GetTimestamp();
        for (var look = 1; ; look++)
        {
            var status = (await call.Client.GetAsync("api/v1/status", cancellation)).Read<Status>();
            var replicas = (await call.Client.GetAsync("api/v1/replicas", cancellation)).Read<List<Replica>>();
            facts = facts with
            {
                Status = status,
                Replicas = replicas,
                Observed = call.Time.GetElapsedTime(started),
            };
            if (look == Looks || (DoctorJudge.IsAtRest(status) && !DoctorJudge.Behind(status, replicas).Any()))
                break;
            await Task.Delay(call.Surroundings.Refresh, call.Time, cancellation);
        }

        var instances = (await call.Client.GetAsync("api/v1/instances", cancellation)).Read<List<Instance>>();
        return facts with { Instances = instances };
    }

    // The role is not told; calls whose bodies make no sense are refused after the role was looked at.
    private async Task<string> RoleAsync(CancellationToken cancellation)
    {
        await call.Client.GetAsync("api/v1/weights", cancellation);
        if (!await call.Client.MayAsync(HttpMethod.Put, "api/v1/weights", new { }, cancellation))
            return "viewer";
        return await call.Client.MayAsync(HttpMethod.Delete, "api/v1/sessions/none", null, cancellation)
            ? "admin"
            : "operator";
    }
}
