using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Rollouts;

/// <summary>
/// Calls to what the operator has configured beside a rollout: webhooks, gates, the check of the schema.
/// </summary>
internal sealed class RolloutHttp(TimeProvider time) : IDisposable
{
    private const int MaxText = 200;

    // Redirects would carry signed bodies to where nobody has configured them.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = 64 * 1024,
    };

    /// <summary>Null: it answered 2xx in time; else what came of it, without its address.</summary>
    public async Task<string?> TryAsync(
        HttpMethod method, string url, byte[]? json, TimeSpan timeout, CancellationToken stop,
        params (string Name, string Value)[] headers)
    {
        using var patience = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop);
        using var request = new HttpRequestMessage(method, url);
        request.Headers.UserAgent.ParseAdd("iamgateway");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (json is not null)
        {
            request.Content = new ByteArrayContent(json);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        try
        {
            using var response = await _http.SendAsync(request, either.Token);
            if (response.IsSuccessStatusCode)
                return null;
            var text = Line(await response.Content.ReadAsStringAsync(either.Token));
            return text.Length == 0 ? $"it answers {(int)response.StatusCode}"
                : $"it answers {(int)response.StatusCode}: {text}";
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return $"it does not answer in {Duration.Format(timeout)}";
        }
        catch (HttpRequestException e)
        {
            return $"it cannot be reached ({e.HttpRequestError})";
        }
        catch (SocketException e)
        {
            // Of a connection that was reset before the client had looked at it.
            return $"it cannot be reached ({e.SocketErrorCode})";
        }
        catch (IOException)
        {
            return "it broke off";
        }
    }

    private static string Line(string text)
    {
        var line = new StringBuilder();
        foreach (var c in text.Trim())
        {
            if (line.Length == MaxText)
                break;
            line.Append(char.IsControl(c) ? ' ' : c);
        }

        return line.ToString();
    }

    public void Dispose() => _http.Dispose();
}
