using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>The usable instances by version, at one moment.</summary>
internal sealed class VersionInstances(
    IReadOnlyList<(VersionId Version, IReadOnlyList<DestinationState> Destinations)> byVersion, object? table = null)
{
    private readonly (VersionId Version, IReadOnlyList<DestinationState> Destinations)[] _byVersion = [.. byVersion];

    public static VersionInstances None { get; } = new([]);

    /// <summary>The snapshot of the table that they were taken from.</summary>
    public object? Table { get; } = table;

    /// <summary>The same without those of a version.</summary>
    public VersionInstances Without(VersionId version) =>
        new([.. _byVersion.Where(v => v.Version != version)], Table);

    /// <summary>The same without one of them.</summary>
    public VersionInstances Without(string id) => new(
        [.. _byVersion.Select(v => (v.Version, (IReadOnlyList<DestinationState>)[.. v.Destinations.Where(
            d => d.DestinationId != id)]))],
        Table);

    /// <summary>The same with just this one of a version.</summary>
    public VersionInstances With(VersionId version, DestinationState destination) => new(
        [.. _byVersion.Where(v => v.Version != version), (version, [destination])], Table);

    public bool Has(VersionId version) => Of(version).Count > 0;

    public IReadOnlyList<DestinationState> Of(VersionId version)
    {
        foreach (var (candidate, destinations) in _byVersion)
        {
            if (candidate == version)
                return destinations;
        }

        return [];
    }
}
