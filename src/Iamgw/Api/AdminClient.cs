using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Iamgw.Api;

/// <summary>The admin API over HTTP. What is no success becomes a <see cref="Failure"/>.</summary>
internal sealed class AdminClient : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    // A stream has a sign of life every 15 seconds; without any for so long the network has lost it.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);
    private readonly HttpClient _http;
    private readonly TimeProvider _time;

    public AdminClient(Uri url, Credentials credentials, TimeProvider time)
    {
        // A redirect would take the key elsewhere.
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/"),
            Timeout = Timeout,
        };
        _time = time;
        Credentials = credentials;
        _http.DefaultRequestHeaders.Add("User-Agent", "iamgw");
        credentials.AddTo(_http.DefaultRequestHeaders);
    }

    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public Uri Address => _http.BaseAddress!;

    public Credentials Credentials { get; }

    /// <summary>How far the gateway's clock is ahead of ours.</summary>
    public TimeSpan Skew { get; private set; }

    public async Task<Answer> SendAsync(
        HttpMethod method, string path, object? body = null, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: Options);
        try
        {
            using var response = await _http.SendAsync(request, cancellation);
            NoteClock(response);
            var text = await response.Content.ReadAsStringAsync(cancellation);
            return new Answer((int)response.StatusCode, text, Problems.IsJson(response)).Checked(this);
        }
        catch (Exception e) when (IsUnreachable(e, cancellation))
        {
            throw Problems.Unreachable(Address, e);
        }
    }

    public Task<Answer> GetAsync(string path, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, path, null, cancellation);

    public Task<Answer> PostAsync(string path, object? body, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, path, body, cancellation);

    /// <summary>Whether this caller is allowed a call, which changes nothing because it makes no sense.</summary>
    public async Task<bool> MayAsync(HttpMethod method, string path, object? body, CancellationToken cancellation)
    {
        try
        {
            await SendAsync(method, path, body, cancellation);
            return true;
        }
        catch (Failure e) when (e.ExitCode is ExitCode.Refused or ExitCode.NotFound)
        {
            return true;
        }
        catch (Failure e) when (e.ExitCode == ExitCode.NotAuthorised)
        {
            return false;
        }
    }

    /// <summary>The audit log as it grows, until the connection ends.</summary>
    public async IAsyncEnumerable<string> EventsAsync(
        string? after, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/events/stream");
        if (after is not null)
            request.Headers.Add("Last-Event-ID", after);
        using var response = await OpenAsync(request, cancellation);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var reader = new StreamReader(stream);
        var data = new List<string>();
        while (await ReadLineAsync(reader, cancellation) is { } line)
        {
            if (line.StartsWith("data:", StringComparison.Ordinal))
                data.Add(line[5..].TrimStart(' '));
            if (line.Length > 0 || data.Count == 0)
                continue;
            yield return string.Join('\n', data);
            data.Clear();
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
            {
                var text = await response.Content.ReadAsStringAsync(cancellation);
                throw Problems.Of(new Answer((int)response.StatusCode, text, Problems.IsJson(response)), this);
            }
        }
        catch (Exception e) when (IsUnreachable(e, cancellation))
        {
            throw Problems.Unreachable(Address, e);
        }
    }

    // A stream that breaks off has ended; the reader connects anew.
    private async Task<string?> ReadLineAsync(StreamReader reader, CancellationToken cancellation)
    {
        using var silence = new CancellationTokenSource(Silence, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, silence.Token);
        try
        {
            return await reader.ReadLineAsync(either.Token);
        }
        catch (Exception e) when (IsUnreachable(e, cancellation))
        {
            return null;
        }
    }

    private static bool IsUnreachable(Exception e, CancellationToken cancellation) =>
        e is HttpRequestException or SocketException or IOException
        || e is OperationCanceledException && !cancellation.IsCancellationRequested;

    // The header has whole seconds, so that less than two are no difference.
    private void NoteClock(HttpResponseMessage response)
    {
        if (response.Headers.Date is not { } date)
            return;
        var skew = date - _time.GetUtcNow();
        Skew = skew.Duration() < TimeSpan.FromSeconds(2) ? TimeSpan.Zero : skew;
    }

    public static string Part(string text) => Uri.EscapeDataString(text);

    public void Dispose() => _http.Dispose();
}
