using System.Collections.Immutable;

namespace IamGateway.Routing;

/// <summary>One uninterrupted life of the store's data. Claims of another generation prove nothing.</summary>
/// <param name="Tag">Stamped on every record.</param>
/// <param name="RunIds">The run ids of the primaries that hold it (INFO server, run_id).</param>
/// <param name="Revision">The revision that every replica must acknowledge before old claims count again.</param>
internal sealed record StoreGeneration(string Tag, ImmutableArray<string> RunIds, long Revision);
