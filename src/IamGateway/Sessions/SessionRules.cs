using IamGateway.Forwarding;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace IamGateway.Sessions;

/// <summary>
/// Finds the handles of a request's sessions, and those that a response hands out. Holds no state of its own.
/// </summary>
internal sealed class SessionRules(IReadOnlyList<SessionRule> rules, IReadOnlyList<PathString> stateless)
{
    private readonly SessionRule[] _rules = [.. rules];
    private readonly PathString[] _stateless = [.. stateless];

    public IReadOnlyList<SessionRule> All => _rules;

    public bool ReadsForms { get; } = rules.Any(r => r.Source == HandleSource.Form);

    public bool IsStateless(PathString path)
    {
        foreach (var prefix in _stateless)
        {
            if (SessionRule.IsUnder(path, prefix))
                return true;
        }

        return false;
    }

    /// <summary>
    /// Adds the request's handles in the order of the rules: the first names the session, the others link to it.
    /// </summary>
    public void Read(HttpRequest http, GatewayRequest request, byte[] secret)
    {
        for (var i = 0; i < _rules.Length; i++)
        {
            var rule = _rules[i];
            if (!rule.ReadsRequestsUnder(http.Path))
                continue;
            switch (rule.Source)
            {
                case HandleSource.Cookie:
                    ReadCookies(http.Headers.Cookie, rule, i, request, secret);
                    break;
                case HandleSource.Header:
                    ReadHeader(http.Headers[rule.SourceName!], rule, i, request, secret);
                    break;
                case HandleSource.Query:
                    if (http.QueryString.HasValue)
                        AddParameter(http.QueryString.Value.AsSpan(1), rule, i, request, secret);
                    break;
            }
        }
    }

    /// <summary>True if a rule wants a field of this request's form body.</summary>
    public bool WantsForm(HttpRequest http)
    {
        if (!ReadsForms || http.ContentType is null && !HasBody(http))
            return false;
        foreach (var rule in _rules)
        {
            if (rule.Source == HandleSource.Form && rule.ReadsRequestsUnder(http.Path))
                return true;
        }

        return false;
    }

    private static bool HasBody(HttpRequest http) =>
        http.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    /// <summary>Adds the handles that stand in a form body (application/x-www-form-urlencoded).</summary>
    public void ReadForm(PathString path, ReadOnlySpan<char> body, GatewayRequest request, byte[] secret)
    {
        for (var i = 0; i < _rules.Length; i++)
        {
            var rule = _rules[i];
            if (rule.Source == HandleSource.Form && rule.ReadsRequestsUnder(path))
                AddParameter(body, rule, i, request, secret);
        }
    }

    /// <summary>True if some rule finds handles in the bodies of responses.</summary>
    public bool ReadsBodies { get; } = rules.Any(r => r.Issue is HandleIssue.JsonField or HandleIssue.FormPostField);

    /// <summary>True if a rule finds handles in bodies of responses to this path.</summary>
    public bool ReadsBodyUnder(PathString path) => ReadsBodies
        && (ReadsBody(path, HandleIssue.JsonField) || ReadsBody(path, HandleIssue.FormPostField));

    /// <summary>True if a rule finds its handles in this kind of body of responses to this path.</summary>
    public bool ReadsBody(PathString path, HandleIssue issue)
    {
        foreach (var rule in _rules)
        {
            if (rule.Issue == issue && rule.ReadsResponsesUnder(path))
                return true;
        }

        return false;
    }

    private static void AddParameter(
        ReadOnlySpan<char> query, SessionRule rule, int index, GatewayRequest request, byte[] secret)
    {
        var value = FindParameter(query, rule.SourceName!, out var ignored);
        request.Ignored |= ignored;
        if (value is { Length: > 0 })
            Add(value, rule, index, request, secret);
    }

    private static void ReadCookies(
        StringValues headers, SessionRule rule, int index, GatewayRequest request, byte[] secret)
    {
        foreach (var header in headers)
        {
            var cookies = new CookieHeader(header);
            while (cookies.MoveNext())
            {
                if (cookies.Name.SequenceEqual(rule.SourceName))
                    Add(cookies.Value, rule, index, request, secret);
            }
        }
    }

    private static void ReadHeader(
        StringValues headers, SessionRule rule, int index, GatewayRequest request, byte[] secret)
    {
        foreach (var header in headers)
        {
            var value = header.AsSpan().Trim();
            if (rule.Scheme is { } scheme)
            {
                if (value.Length <= scheme.Length || value[scheme.Length] != ' '
                    || !value.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
                    continue;
                value = value[(scheme.Length + 1)..].Trim();
            }

            Add(value, rule, index, request, secret);
        }
    }

    private static void Add(
        ReadOnlySpan<char> value, SessionRule rule, int index, GatewayRequest request, byte[] secret)
    {
        if (TryKey(value, rule, secret, out var key))
            request.AddHandle(new Handle(key, index));
        else if (!value.IsEmpty && rule.Extractor?.Kind != HandleExtractorKind.Except)
            request.Ignored |= IgnoredHandles.Malformed;
    }

    /// <summary>
    /// The key of a value under a rule; a value that the rule's extractor cannot read carries no handle.
    /// </summary>
    public static bool TryKey(ReadOnlySpan<char> value, SessionRule rule, byte[] secret, out SessionKey key)
    {
        key = default;
        if (value.IsEmpty)
            return false;
        if (rule.Extractor is { } extractor)
        {
            if (!extractor.TryExtract(value, out var name))
                return false;
            value = name;
        }

        key = SessionKey.Of(secret, rule.Name, value);
        return true;
    }

    /// <summary>
    /// The first parameter of this name in a query string or form body, decoded; null if absent or not decodable.
    /// </summary>
    public static string? FindParameter(ReadOnlySpan<char> query, string name) => FindParameter(query, name, out _);

    private static string? FindParameter(ReadOnlySpan<char> query, string name, out IgnoredHandles ignored)
    {
        ignored = IgnoredHandles.None;
        string? found = null;
        var isSeen = false;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            var equals = pair.IndexOf('=');
            if (equals < 0 || !IsNamed(pair[..equals], name))
                continue;
            if (isSeen)
            {
                ignored |= IgnoredHandles.Duplicate;
                break;
            }

            isSeen = true;
            found = Decode(pair[(equals + 1)..]);
            if (found is null)
                ignored |= IgnoredHandles.Undecodable;
        }

        return found;
    }

    private static bool IsNamed(ReadOnlySpan<char> key, string name) =>
        key.SequenceEqual(name) || key.IndexOfAny('%', '+') >= 0 && Decode(key) == name;

    private static string? Decode(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAny('%', '+') < 0)
            return text.ToString();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%'
                && (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])))
                return null;
        }

        return Uri.UnescapeDataString(text.ToString().Replace('+', ' '));
    }
}
