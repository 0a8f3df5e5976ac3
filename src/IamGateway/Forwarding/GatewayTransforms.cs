using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>
/// What is done to requests just before they leave for the instance, and to response headers just before they leave for
/// the client.
/// </summary>
internal sealed class GatewayTransforms(
    IssuedNames names, OpenConnections connections, Witness witness, Replica replica,
    SessionRules rules, GatewaySettings settings, InstanceTruth truth, PinRepair repair, GatewayMetrics metrics,
    TimeProvider time)
{
    /// <summary>Takes the gateway's own cookies out of a request, and gives it its name for traces.</summary>
    public void OnRequest(HttpContext http, HttpRequestMessage message, GatewayRequest request)
    {
        if (witness.IsEnabled)
            RemoveWitness(http, message);
        Trace(http, message, request);
        // A compressed body hides its handles.
        if (rules.ReadsBodyUnder(http.Request.Path))
            message.Set("Accept-Encoding", null);
    }

    /// <summary>
    /// Binds the handles that the response hands out. False: they cannot be bound, and what the response says must not
    /// leave.
    /// </summary>
    public ValueTask<bool> OnResponseAsync(
        HttpContext http, HttpResponseMessage response, GatewayRequest request, CancellationToken cancellation)
    {
        if (Contradiction(response, request) is { } reported && reported > request.Version!
            && request.Decision != Decision.Stateless)
            return AwaitRepairAsync(http, response, request, reported, cancellation);
        return BindAsync(http, response, request, cancellation);
    }

    private ValueTask<bool> BindAsync(
        HttpContext http, HttpResponseMessage response, GatewayRequest request, CancellationToken cancellation)
    {
        if (request.Stripped is not null)
            StrippedHandles.Expire(http, request, rules, time.GetUtcNow());
        if (request.Decision == Decision.Stateless)
        {
            PassOn(http, response, request);
            return ValueTask.FromResult(true);
        }

        var bound = names.OnResponseAsync(http, response, request, cancellation);
        return bound.IsCompletedSuccessfully
            ? ValueTask.FromResult(Conclude(http, response, request))
            : AwaitAsync(bound, http, response, request);
    }

    private bool Conclude(HttpContext http, HttpResponseMessage response, GatewayRequest request)
    {
        var leaves = request.Refusal == RefusalCode.None;
        if (leaves)
            PassOn(http, response, request);
        witness.Issue(http, request, replica.View);
        return leaves;
    }

    private void PassOn(HttpContext http, HttpResponseMessage response, GatewayRequest request)
    {
        if (!connections.TryFollow(http, response, request))
            request.Gathered = GatheredBody.Over(http, response);
    }

    private static void Trace(HttpContext http, HttpRequestMessage message, GatewayRequest request)
    {
        if (!TraceParent.Choose(request, http.Request.Headers.TraceParent))
            return;
        message.Set(TraceParent.Header, request.TraceParent);
        // What the caller says of its own trace does not belong to another one.
        if (request.Span?.ParentId is null)
            message.Set(TraceParent.StateHeader, null);
    }

    private void RemoveWitness(HttpContext http, HttpRequestMessage message)
    {
        var cookies = http.Request.Headers.Cookie;
        if (cookies.Count == 0)
            return;
        var joined = cookies is [{ } only] ? only : string.Join("; ", cookies.AsEnumerable());
        var without = witness.Without(joined);
        if (!ReferenceEquals(without, joined))
            message.Set("Cookie", without);
    }

    /// <summary>
    /// The version that a response says it comes from, if the request was sent to another one: the instance is out
    /// until it is proven anew.
    /// </summary>
    private VersionId? Contradiction(HttpResponseMessage response, GatewayRequest request)
    {
        if (settings.Options.Versions.Discovery.ResponseHeader is not { } header
            || request is not { InstanceId: { } instance, Version: { } sentTo }
            || !response.Headers.NonValidated.TryGetValues(header, out var values)
            || !VersionId.TryParse(values.ToString(), out var reported) || reported == sentTo)
            return null;
        metrics.Mismatch(instance);
        if (request.Decision != Decision.Stateless && reported < sentTo)
            metrics.Violation();
        truth.Contradicted(instance, sentTo, reported);
        return reported;
    }

    private async ValueTask<bool> AwaitRepairAsync(
        HttpContext http, HttpResponseMessage response, GatewayRequest request, VersionId reported,
        CancellationToken cancellation)
    {
        await repair.RaiseAsync(request, reported);
        var leaves = await BindAsync(http, response, request, cancellation);
        // A handle that this response hands out names a session at that version too.
        if (request.Refusal == RefusalCode.None && request.Issued is { Count: > 0 })
            await repair.RaiseAsync(request, reported);
        return leaves;
    }

    private async ValueTask<bool> AwaitAsync(
        ValueTask bound, HttpContext http, HttpResponseMessage response, GatewayRequest request)
    {
        await bound;
        return Conclude(http, response, request);
    }
}
