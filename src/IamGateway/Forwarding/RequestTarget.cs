using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;

namespace IamGateway.Forwarding;

/// <summary>
/// Path and query as the client sent them (RFC 9112, section 3.2). The server decodes a path and takes dot segments out
/// of it, and a Uri writes escapes anew; the IAM may read either differently, and a signature may be over them.
/// </summary>
internal static class RequestTarget
{
    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    // Where one server sees a separator, a parameter or a segment to be removed and another one does not.
    private static readonly SearchValues<string> Ambiguous = SearchValues.Create(
        [";", "\\", "//", "/./", "/../", "%2e", "%2f", "%5c", "%3b", "%00"], StringComparison.OrdinalIgnoreCase);

    /// <summary>The IAM may take the path for another one than the gateway does.</summary>
    public static bool IsAmbiguous(HttpContext http)
    {
        var path = PathOf(Raw(http));
        return path.ContainsAny(Ambiguous) || path.EndsWith("/..") || path.EndsWith("/.");
    }

    /// <summary>Forwards the target as it came, but for what the route's transforms have changed in it.</summary>
    public static void Keep(RequestTransformContext context) => context.ProxyRequest.RequestUri ??= Address(
        context.HttpContext, context.DestinationPrefix, context.Path, context.Query.QueryString);

    /// <summary>
    /// The address of the target at an instance, with a path and a query that are the target's own unless they were
    /// changed. Null: it is to be written anew.
    /// </summary>
    public static Uri? Address(HttpContext http, string instance, PathString path, QueryString query)
    {
        var raw = Raw(http);
        // What could end the request line, as HTTP/2 may bring it, is left to be escaped. So is another form than that
        // of an origin server.
        var isPlain = raw is ['/', ..] && !raw.AsSpan().ContainsAnyExceptInRange('!', '~') && !raw.Contains('#');
        if (!isPlain)
            return null;
        // A PathString is equal to one in other letters.
        var isPathKept = !http.Request.PathBase.HasValue
            && string.Equals(path.Value, http.Request.Path.Value, StringComparison.Ordinal);
        if (isPathKept && query == http.Request.QueryString)
            return new Uri(string.Concat(instance.AsSpan().TrimEnd('/'), raw), AsItIs);

        if (query.Value is { } text && (text.AsSpan().ContainsAnyExceptInRange('!', '~') || text.Contains('#')))
            return null;
        var address = isPathKept
            ? string.Concat(instance.AsSpan().TrimEnd('/'), PathOf(raw))
            : RequestUtilities.MakeDestinationAddress(instance, path, QueryString.Empty).AbsoluteUri;
        return new Uri(address + query.Value, AsItIs);
    }

    private static string Raw(HttpContext http) => http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    private static ReadOnlySpan<char> PathOf(string target)
    {
        var mark = target.IndexOf('?');
        return mark < 0 ? target : target.AsSpan(0, mark);
    }
}
