using System.Globalization;
using System.Text.Json;
using IamGateway.Routing;
using Microsoft.Net.Http.Headers;

namespace IamGateway.Admin;

internal static class WeightsApi
{
    public static void MapWeights(this IEndpointRouteBuilder api)
    {
        api.MapGet("/weights", (Replica replica, HttpContext http) =>
        {
            var state = replica.View.State;
            Tag(http, state.Revision);
            return new WeightsReply(Weights(state), state.Revision);
        }).RequireAuthorization(AdminAuthentication.Viewer)
            .WithSummary("The shares of new sessions. ETag is the revision.");
        api.MapPut("/weights", PutAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .Accepts<WeightsBody>("application/json").Produces<WeightsReply>().Produces<WeightsReply>(202)
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(412)
            .WithSummary("Sets the shares; a version that is not active yet is activated by it.");
    }

    private static async Task<IResult> PutAsync(WeightsCommand command, HttpContext http)
    {
        var (body, problem) = await AdminBody.ReadAsync<WeightsBody>(http);
        if (problem is not null)
            return problem;
        if (!TryRead(body!, out var weights, out var sentence))
            return AdminProblems.BadField(sentence);
        if (!TryIfMatch(http, out var ifMatch))
            return AdminProblems.BadField("If-Match must be the ETag of GET /api/v1/weights, for example \"7\".");
        var result = await command.RunAsync(weights, ifMatch, http.Who());
        Tag(http, result.State.Revision);
        var reply = new WeightsReply(
            Weights(result.State), result.State.Revision, Math.Round(result.Elapsed.TotalMilliseconds, 2),
            result.Pending.Count == 0 ? null : result.Pending);
        return result.Outcome switch
        {
            WeightsOutcome.Applied => Results.Ok(reply),
            WeightsOutcome.Pending => Results.Accepted("/api/v1/weights", reply with { AppliedIn = null }),
            WeightsOutcome.PreconditionFailed => AdminProblems.Of(
                412, "revision_changed",
                $"If-Match is {ifMatch}, and the revision is {result.State.Revision}; read the weights again."),
            _ => AdminProblems.Of(result.Refusal!),
        };
    }

    private static bool TryRead(WeightsBody body, out Dictionary<VersionId, int> weights, out string sentence)
    {
        weights = [];
        sentence = "weights is missing; send {\"weights\":{\"VERSION\":SHARE,...}}.";
        if (body.Weights is null)
            return false;
        foreach (var (name, value) in body.Weights)
        {
            sentence = $"weights.{name}: '{name}' is not a version of the form MAJOR.MINOR.PATCH (SemVer).";
            if (!VersionId.TryParse(name, out var version))
                return false;
            sentence = $"weights.{name} must be an integer from 0 to 100.";
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var weight) || weight is < 0 or > 100)
                return false;
            sentence = $"weights.{name} is given twice; give it once.";
            if (!weights.TryAdd(version, weight))
                return false;
        }

        return true;
    }

    private static bool TryIfMatch(HttpContext http, out long? revision)
    {
        revision = null;
        var header = http.Request.Headers.IfMatch.ToString();
        if (header.Length == 0 || header == "*")
            return true;
        // The quotes are easily lost in a shell, and a bare number can mean nothing else.
        var digits = header is ['"', .. var quoted, '"'] ? quoted : header;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            return false;
        revision = value;
        return true;
    }

    private static void Tag(HttpContext http, long revision) =>
        http.Response.Headers.ETag = new EntityTagHeaderValue($"\"{revision}\"").ToString();

    private static Dictionary<string, int> Weights(RoutingState state) =>
        state.Versions.Where(v => v.Status is VersionStatus.Active or VersionStatus.Registered)
            .ToDictionary(v => v.Version.ToString(), v => v.Weight);
}
