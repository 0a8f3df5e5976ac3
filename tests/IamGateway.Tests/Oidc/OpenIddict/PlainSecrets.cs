using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>Compares the client's secret as it is: hashing it for each request would be most of the work.</summary>
internal sealed class PlainSecrets(
    IOpenIddictApplicationCache<StoredRecord> cache, ILogger<OpenIddictApplicationManager<StoredRecord>> logger,
    IOptionsMonitor<OpenIddictCoreOptions> options, IOpenIddictApplicationStore<StoredRecord> store)
    : OpenIddictApplicationManager<StoredRecord>(cache, logger, options, store)
{
    protected override ValueTask<string> ObfuscateClientSecretAsync(
        string secret, CancellationToken cancellationToken) => new(secret);

    protected override ValueTask<bool> ValidateClientSecretAsync(
        string secret, string comparand, CancellationToken cancellationToken) => new(secret == comparand);
}
