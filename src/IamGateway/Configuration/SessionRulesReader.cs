using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Configuration;

/// <summary>Turns <c>IamGateway:Sessions</c> into rules; presets are put in place of their entries.</summary>
internal static class SessionRulesReader
{
    // A handle that lives a minute, for example a code, is redeemed at its end, and its name may wait to be written.
    private static readonly TimeSpan ShortestLifetime = TimeSpan.FromMinutes(1);

    public static List<SessionRule> Read(
        List<SessionRuleOptions> entries, string section, TimeSpan sessionTtl, ConfigurationProblems problems)
    {
        var rules = new List<SessionRule>();
        if (entries.Count == 0)
        {
            problems.Add(
                section,
                "no rule says how requests name their session; give one, "
                + "for example {\"Name\":\"session\",\"Cookie\":\"JSESSIONID\"}.");
        }

        for (var i = 0; i < entries.Count; i++)
        {
            var key = $"{section}:{i}";
            CheckLifetime(entries[i], $"{key}:Lifetime", sessionTtl, problems);
            if (entries[i].Preset is not { } preset)
            {
                Add(entries[i], key, rules, problems);
            }
            else if (SessionPresets.Find(entries[i]) is { } list)
            {
                foreach (var entry in list)
                    Add(entry, key, rules, problems);
            }
            else
            {
                problems.Add($"{key}:Preset", $"'{preset}' is not one of {string.Join(", ", SessionPresets.Names)}.");
            }
        }

        return rules;
    }

    private static void Add(
        SessionRuleOptions entry, string key, List<SessionRule> rules, ConfigurationProblems problems)
    {
        (HandleSource Source, string? Name)[] sources =
        [
            (HandleSource.Cookie, entry.Cookie), (HandleSource.Header, entry.Header),
            (HandleSource.Query, entry.Query), (HandleSource.Form, entry.Form),
        ];
        (HandleIssue Issue, string? Name)[] issues =
        [
            (HandleIssue.SetCookie, entry.SetCookie), (HandleIssue.LocationQuery, entry.LocationQuery),
            (HandleIssue.LocationFragment, entry.LocationFragment), (HandleIssue.JsonField, entry.JsonField),
            (HandleIssue.FormPostField, entry.FormPostField),
        ];
        var before = problems.Lines.Count;
        if (string.IsNullOrWhiteSpace(entry.Name))
            problems.Add($"{key}:Name", "name the kind of handle, for example session.");
        if (sources.Count(s => s.Name is not null) > 1)
        {
            problems.Add(
                key,
                "give one of Cookie, Header, Query and Form; "
                + "a handle that stands in several places is several rules of one Name.");
        }

        if (issues.Count(s => s.Name is not null) > 1)
            problems.Add(key, "give one of SetCookie, LocationQuery, LocationFragment, JsonField and FormPostField.");
        var source = Array.Find(sources, s => s.Name is not null);
        var issue = Array.Find(issues, s => s.Name is not null);
        if (source.Name is null && issue.Name is null)
            problems.Add(
                key, "say where the handle stands: Cookie, Header, Query or Form, or where responses hand it out.");
        if (entry.Scheme is not null && source.Source != HandleSource.Header)
            problems.Add($"{key}:Scheme", "it goes with Header only.");
        if (issue.Issue is HandleIssue.JsonField or HandleIssue.FormPostField && string.IsNullOrEmpty(entry.IssuedAt))
            problems.Add(
                $"{key}:IssuedAt", $"it is required with {issue.Issue}, so that no other response body is read.");
        if (rules.Exists(r => r.Name == entry.Name && r.Lifetime != entry.Lifetime))
            problems.Add(
                $"{key}:Lifetime", $"rules of one Name share their handles; give all of '{entry.Name}' the same.");
        HandleExtractor? extractor = null;
        if (entry.Extract is not null && !HandleExtractor.TryParse(entry.Extract, out extractor))
            problems.Add(
                $"{key}:Extract",
                $"'{entry.Extract}' is not Jwt:CLAIM, Part:SEPARATOR:INDEX, Except:VALUE or SignedRoute.");
        var path = Path(entry.Path, $"{key}:Path", problems);
        var issuedAt = Path(entry.IssuedAt, $"{key}:IssuedAt", problems);
        if (problems.Lines.Count > before)
            return;
        // A cookie is handed out where it is used, so rules of one cookie name on several paths stay apart.
        if (issue.Name is null && source.Source == HandleSource.Cookie)
            issue = (HandleIssue.SetCookie, source.Name);
        if (issue.Issue == HandleIssue.SetCookie && entry.IssuedAt is null)
            issuedAt = path;
        rules.Add(new SessionRule(
            entry.Name!, source.Source, source.Name, entry.Scheme, path ?? default,
            issue.Issue, issue.Name, issuedAt ?? default, extractor, entry.Lifetime));
    }

    private static void CheckLifetime(
        SessionRuleOptions entry, string key, TimeSpan sessionTtl, ConfigurationProblems problems)
    {
        if (entry.Lifetime is not { } lifetime)
            return;
        if (entry.Preset is not null)
            problems.Add(key, "a preset has none; write its rules out to give them one.");
        else if (lifetime < ShortestLifetime || lifetime > sessionTtl)
            problems.Add(
                key,
                $"{lifetime} is not between {ShortestLifetime} and IamGateway:Store:SessionTtl ({sessionTtl}); "
                + "take more than the handle lives.");
    }

    /// <summary>Reads a path prefix; "/" and nothing mean everything.</summary>
    public static PathString? Path(string? text, string key, ConfigurationProblems problems)
    {
        if (text is null or "" or "/")
            return default(PathString);
        if (text.StartsWith('/') && !text.Contains('?'))
            return new PathString(text.TrimEnd('/'));
        problems.Add(key, $"'{text}' is not a path prefix; it must begin with '/'.");
        return null;
    }
}
