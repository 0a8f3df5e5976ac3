using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Reflection;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Sees every request and response of every HTTP client and server of this process: those of tests, of gateways and of
/// instances. Takes the secrets out of them, and keeps what gateways answer themselves. It asks for the events that
/// begin no activity, so that nothing is sent otherwise than without it.
/// </summary>
internal sealed class TrafficWatch(SecretPlaces places, Outputs outputs)
    : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
{
    private const string ClientRequest = "System.Net.Http.Request";
    private const string ClientResponse = "System.Net.Http.Response";
    private const string ServerRequest = "Microsoft.AspNetCore.Hosting.BeginRequest";
    private const string ServerResponse = "Microsoft.AspNetCore.Hosting.EndRequest";
    private const int LongestForm = 64 * 1024;
    private static readonly ConcurrentDictionary<Type, PropertyInfo?> Properties = new();
    private readonly ConcurrentBag<IDisposable> _subscriptions = [];

    public void Start(IObservable<DiagnosticListener> listeners) => _subscriptions.Add(listeners.Subscribe(this));

    public void OnNext(DiagnosticListener listener)
    {
        if (listener.Name == "HttpHandlerDiagnosticListener")
            _subscriptions.Add(listener.Subscribe(this, name => name is ClientRequest or ClientResponse));
        else if (listener.Name == "Microsoft.AspNetCore")
            _subscriptions.Add(listener.Subscribe(this, name => name is ServerRequest or ServerResponse));
    }

    public void Dispose()
    {
        foreach (var subscription in _subscriptions)
            subscription.Dispose();
    }

    public void OnNext(KeyValuePair<string, object?> happened)
    {
        switch (happened.Key, Of(happened.Value))
        {
            case (ClientRequest, HttpRequestMessage request):
                Headers(request.Headers);
                places.Address(request.RequestUri?.OriginalString ?? "");
                Body(request.Content);
                break;
            case (ClientResponse, HttpResponseMessage response):
                Headers(response.Headers);
                Keep(response);
                break;
            case (ServerRequest, HttpContext http):
                Headers(http.Request.Headers);
                if (http.Request.QueryString.HasValue)
                    places.Address(http.Request.QueryString.Value!);
                break;
            case (ServerResponse, HttpContext http):
                Headers(http.Response.Headers);
                break;
        }
    }

    // The events' arguments are of types that only the framework knows.
    private static object? Of(object? arguments) => arguments is null
        ? null
        : Properties.GetOrAdd(arguments.GetType(), type => type.GetProperties().FirstOrDefault(
            p => p.Name is "Request" or "Response" or "httpContext"))?.GetValue(arguments);

    private void Headers(HttpHeaders headers)
    {
        foreach (var (name, values) in headers.NonValidated)
        {
            foreach (var value in values)
                places.Header(name, value);
        }
    }

    private void Headers(IHeaderDictionary headers)
    {
        foreach (var (name, values) in headers)
        {
            foreach (var value in values)
                places.Header(name, value);
        }
    }

    // Bodies that are in memory anyway, so that reading them changes nothing.
    private void Body(HttpContent? content)
    {
        if (content is not (StringContent or FormUrlEncodedContent) || content.Headers.ContentLength > LongestForm)
            return;
        var body = content.ReadAsStringAsync();
        if (!body.IsCompletedSuccessfully)
            return;
        if (content.Headers.ContentType?.MediaType == "application/json")
            places.Json(body.Result);
        else
            places.Form(body.Result);
    }

    // Problems come from gateways only; what else is their own has these paths.
    private void Keep(HttpResponseMessage response)
    {
        var type = response.Content.Headers.ContentType?.MediaType;
        var path = response.RequestMessage?.RequestUri is { IsAbsoluteUri: true } address ? address.AbsolutePath : "";
        if (type == "application/problem+json" || type != "text/event-stream"
            && (path == "/metrics" || path.StartsWith("/api/v1/", StringComparison.Ordinal)))
            response.Content = new KeptContent(response.Content, outputs.Of("answers"));
    }

    public void OnCompleted()
    {
        // The process ends.
    }

    public void OnError(Exception error)
    {
        // There are none.
    }
}
