using System.Collections.Immutable;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>Where the records of one kind are.</summary>
internal interface IRecordKeeper
{
    Task<StoredRecord?> FindAsync(string id);

    Task WriteAsync(StoredRecord record);

    Task DeleteAsync(StoredRecord record);

    /// <summary>The records whose field has this value, or has it among its values.</summary>
    Task<string[]> IdsAsync(string field, string value);
}

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

/// <summary>State of sessions: authorizations and tokens.</summary>
internal sealed class SharedRecords(VersionedRecords records, string kind) : IRecordKeeper
{
    private static readonly string[] Indexed = ["ReferenceId", "AuthorizationId"];

    public async Task<StoredRecord?> FindAsync(string id) =>
        await records.ReadAsync(kind, id) is { } json ? StoredRecord.FromJson(id, json) : null;

    public async Task WriteAsync(StoredRecord record)
    {
        await records.WriteAsync(kind, record.Id, record.ToJson());
        foreach (var field in Indexed)
        {
            if (record[field]?.ToString() is { } value)
                await records.AddToIndexAsync($"{kind}:{field}:{value}", record.Id);
        }
    }

    public Task DeleteAsync(StoredRecord record) => records.DeleteAsync(kind, record.Id);

    public Task<string[]> IdsAsync(string field, string value) => records.IndexAsync($"{kind}:{field}:{value}");
}
