using Iamgw.Api;

namespace Iamgw.Doctor;

/// <summary>What the doctor has seen; what could not be asked is null.</summary>
internal sealed record DoctorFacts
{
    public required Uri Address { get; init; }

    public required Credentials Credentials { get; init; }

    /// <summary>Why the gateway cannot be reached.</summary>
    public string? Unreachable { get; init; }

    /// <summary>Why it does not let us in.</summary>
    public string? NotAuthorised { get; init; }

    /// <summary>Why it refuses to tell its status.</summary>
    public string? Refused { get; init; }

    /// <summary>viewer, operator or admin.</summary>
    public string? Role { get; init; }

    public TimeSpan Skew { get; init; }

    public Readiness? Readiness { get; init; }

    public Status? Status { get; init; }

    /// <summary>How long revision and phase have been looked at.</summary>
    public TimeSpan Observed { get; init; }

    public IReadOnlyList<Replica> Replicas { get; init; } = [];

    public IReadOnlyList<Instance> Instances { get; init; } = [];
}
