namespace IamGateway.Tests.Oidc;

/// <summary>What a user has.</summary>
internal sealed record OidcUserArguments(
    HttpMessageInvoker Http, Func<IReadOnlyList<OidcReplica>> Replicas, OidcCount Count, string Name, int Seed);
