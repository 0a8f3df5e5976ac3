using IamGateway.Routing;

namespace IamGateway.Instances;

/// <summary>
/// What a fingerprint says of an instance's version, for an IAM that reports none. A version that somebody named is
/// believed at first sight of a fingerprint; from then on another fingerprint is another build.
/// </summary>
internal static class Fingerprints
{
    /// <summary>What is made of a fingerprint.</summary>
    /// <param name="Version">The version it proves.</param>
    /// <param name="IsFirst">It was never seen on this instance, and is to be known from now on.</param>
    /// <param name="Problem">Why the instance must be held back.</param>
    public readonly record struct Verdict(VersionId? Version, bool IsFirst, string? Problem);

    public static Verdict Judge(
        IReadOnlyCollection<KnownFingerprint> known, string instance, VersionId? named, string fingerprint)
    {
        if (named is null)
            return new(null, false, "nobody has named its version; PUT /api/v1/instances/{id} with version");
        var same = known.Where(k => k.Fingerprint == fingerprint).ToArray();
        var own = known.Where(k => k.Version == named
            && k.Instance.Equals(instance, StringComparison.OrdinalIgnoreCase)).ToArray();
        if (same.Any(k => k.Version == named))
            return new(named, !own.Any(k => k.Fingerprint == fingerprint), null);
        var wasAnother = own.Length > 0;
        var versions = same.Select(k => k.Version).Distinct().ToArray();
        return versions.Length switch
        {
            0 when !wasAnother => new(named, true, null),
            0 => new(null, false,
                $"its fingerprint {fingerprint} is new, so it is no longer the {named} that it was; "
                + "name its version with PUT /api/v1/instances/{id}"),
            1 when wasAnother => new(versions[0], false, null),
            _ => new(null, false,
                $"its fingerprint {fingerprint} is that of {string.Join(" and ", versions.Order())}, and it is said to "
                + $"be {named}; name its version with PUT /api/v1/instances/{{id}} if that is so"),
        };
    }
}
