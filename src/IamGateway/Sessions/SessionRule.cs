using Microsoft.AspNetCore.Http;

namespace IamGateway.Sessions;

internal enum HandleSource
{
    None,
    Cookie,
    Header,
    Query,
    Form,
}

internal enum HandleIssue
{
    None,
    SetCookie,
    LocationQuery,
    LocationFragment,
    JsonField,
    FormPostField,
}

/// <summary>A validated rule: where one kind of handle stands in requests and in responses.</summary>
internal sealed record SessionRule(
    string Name,
    HandleSource Source,
    string? SourceName,
    string? Scheme,
    PathString Path,
    HandleIssue Issue,
    string? IssueName,
    PathString IssuedAt,
    HandleExtractor? Extractor,
    TimeSpan? Lifetime = null)
{
    public bool ReadsRequestsUnder(PathString path) => IsUnder(path, Path);

    public bool ReadsResponsesUnder(PathString path) => IsUnder(path, IssuedAt);

    /// <summary>
    /// Segment by segment and case-sensitive, as an IAM's own routing is; the empty prefix holds everything.
    /// </summary>
    public static bool IsUnder(PathString path, PathString prefix) =>
        !prefix.HasValue || path.StartsWithSegments(prefix, StringComparison.Ordinal);
}
