namespace IamGateway.Instances;

/// <summary>What an instance said of itself.</summary>
/// <param name="Version">Its version, if a path reports it.</param>
/// <param name="Fingerprint">Hash over what tells builds apart, if no path reports the version.</param>
/// <param name="Problem">Why there is neither.</param>
internal sealed record ProbeAnswer(VersionId? Version, string? Fingerprint, string? Problem);
