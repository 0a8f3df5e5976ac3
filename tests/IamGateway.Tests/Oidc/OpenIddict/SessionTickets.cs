using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>The sessions of browsers: the log-in cookie holds the name of a record and no more.</summary>
internal sealed class SessionTickets(VersionedRecords records) : ITicketStore
{
    private const string Kind = "session";

    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        var key = Guid.NewGuid().ToString("N");
        await RenewAsync(key, ticket);
        return key;
    }

    public Task RenewAsync(string key, AuthenticationTicket ticket) =>
        records.WriteAsync(Kind, key, Convert.ToBase64String(TicketSerializer.Default.Serialize(ticket)));

    public async Task<AuthenticationTicket?> RetrieveAsync(string key) =>
        await records.ReadAsync(Kind, key) is { } text
            ? TicketSerializer.Default.Deserialize(Convert.FromBase64String(text))
            : null;

    public Task RemoveAsync(string key) => records.DeleteAsync(Kind, key);
}
