namespace IamGateway.Routing;

/// <summary>An instance of a version was seen with this fingerprint, or an operator said so.</summary>
internal sealed record KnownFingerprint(string Instance, string Fingerprint, VersionId Version);
