using System.Text.Json;

namespace Iamgw.Api;

/// <summary>Turns answers that are no success into one clear sentence and an exit code.</summary>
internal static class Problems
{
    public static bool IsJson(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType is { } type
        && (type is "application/json" || type.EndsWith("+json", StringComparison.Ordinal));

    public static Failure Unreachable(Uri address, Exception e)
    {
        var why = e is OperationCanceledException ? "it does not answer in time" : Innermost(e).Message.TrimEnd('.');
        return new Failure(
            ExitCode.Unreachable,
            $"The gateway cannot be reached at {address}: {why}. Is --url or IAMGW_URL its admin listener?");
    }

    public static Failure Of(Answer answer, AdminClient client)
    {
        var status = answer.Status;
        if (!answer.IsJson || Read(answer.Body) is not { } problem || problem.Detail is null && problem.Title is null)
        {
            return status is 401 or 403
                ? new Failure(ExitCode.NotAuthorised, $"{client.Address} answers {status}; {Credentials.Advice}.")
                : new Failure(
                    ExitCode.Unreachable,
                    $"{client.Address} answers {status}, but not as the gateway's admin API does; is --url or "
                    + "IAMGW_URL its admin listener?",
                    answer);
        }

        var sentence = Show.Clean(problem.Detail ?? problem.Title);
        return status switch
        {
            401 => new Failure(ExitCode.NotAuthorised, Unauthorised(client.Credentials), answer),
            403 => new Failure(ExitCode.NotAuthorised, $"{sentence} ({client.Credentials.Source} was sent.)", answer),
            404 => new Failure(ExitCode.NotFound, sentence, answer),
            _ => new Failure(
                ExitCode.Refused, Preconditions(problem) ?? sentence + Hints.For(problem.Code), answer),
        };
    }

    private static string Unauthorised(Credentials credentials) => credentials.IsNone
        ? $"The gateway asks for credentials and none were found; {Credentials.Advice}."
        : $"The gateway does not accept the credentials from {credentials.Source}.";

    private static string? Preconditions(Problem problem)
    {
        if (problem.Preconditions is not { Count: > 0 } all)
            return null;
        var failed = all.Where(p => !p.Passed).ToArray();
        var what = failed.Length == 1 ? "1 precondition does" : $"{failed.Length} preconditions do";
        return $"The rollout cannot begin: {what} not hold."
            + string.Concat(failed.Select(p => $"\n  {Show.Clean(p.Name)}: {Show.Clean(p.Detail)}{Hints.For(p.Name)}"));
    }

    private static Problem? Read(string body)
    {
        try
        {
            return JsonSerializer.Deserialize<Problem>(body, AdminClient.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;
}
