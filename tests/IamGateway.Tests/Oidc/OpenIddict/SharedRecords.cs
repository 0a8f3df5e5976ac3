namespace IamGateway.Tests.Oidc.OpenIddict;

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
