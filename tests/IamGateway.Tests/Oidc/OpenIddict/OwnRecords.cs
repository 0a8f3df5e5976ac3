using System.Collections.Immutable;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>What is the same in every version and belongs to no session: the client.</summary>
internal sealed class OwnRecords : IRecordKeeper
{
    private readonly Dictionary<string, StoredRecord> _records = [];

    public Task<StoredRecord?> FindAsync(string id) => Task.FromResult(_records.GetValueOrDefault(id));

    public Task WriteAsync(StoredRecord record)
    {
        _records[record.Id] = record;
        return Task.CompletedTask;
    }

    public Task DeleteAsync(StoredRecord record) => throw new NotSupportedException();

    public Task<string[]> IdsAsync(string field, string value) => Task.FromResult(
        _records.Values.Where(r =>
                Equals(r[field], value) || r[field + "s"] is ImmutableArray<string> all && all.Contains(value))
            .Select(r => r.Id).ToArray());
}
