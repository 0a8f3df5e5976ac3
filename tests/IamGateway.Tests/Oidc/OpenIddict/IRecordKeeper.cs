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
