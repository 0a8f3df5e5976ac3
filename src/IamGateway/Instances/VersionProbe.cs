using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Configuration;

namespace IamGateway.Instances;

/// <summary>
/// Asks an instance on a connection that is open already, and leaves it as if it were new: what was asked is read to
/// its end, and nothing else was read.
/// </summary>
internal sealed class VersionProbe(GatewaySettings settings, TimeProvider time)
{
    private const int MaxAnswer = 256 * 1024;
    private static readonly TimeSpan PatienceForPattern = TimeSpan.FromSeconds(1);
    private readonly DiscoveryOptions _discovery = settings.Options.Versions.Discovery;
    private readonly Regex? _pattern = Compile(settings.Options.Versions.Discovery.Pattern);
    private readonly Regex? _marks = Compile(settings.Options.Versions.Discovery.Fingerprint?.Pattern);

    /// <summary>There is something to ask for, so that a connection proves what it leads to.</summary>
    public bool IsConfigured => _discovery.Path is not null || _discovery.Fingerprint is not null;

    private static Regex? Compile(string? pattern) => pattern is null
        ? null
        : new Regex(pattern, RegexOptions.CultureInvariant, PatienceForPattern);

    /// <summary>
    /// Asks for version and fingerprint. Throws <see cref="IOException"/> if the instance does not answer in time or
    /// closes the connection with its answer, which proves nothing of the next one.
    /// </summary>
    public async Task<ProbeAnswer> AskAsync(Stream connection, Uri address, CancellationToken cancellation)
    {
        var lent = new LentStream(connection);
        var connects = 0;
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = (_, _) => connects++ == 0
                ? ValueTask.FromResult<Stream>(lent)
                : throw Closes(address),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            MaxResponseHeadersLength = 64,
        };
        using var client = new HttpMessageInvoker(handler, disposeHandler: false);
        using var patience = new CancellationTokenSource(_discovery.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellation);
        try
        {
            var answer = _discovery.Fingerprint is { } marks
                ? new ProbeAnswer(null, await FingerprintAsync(client, address, marks, either.Token), null)
                : await VersionAsync(client, address, _discovery.Path ?? "/", either.Token);
            return lent.IsIdle ? answer : throw Closes(address);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException($"{address} did not answer the probe within {_discovery.Timeout}.");
        }
        catch (HttpRequestException e)
        {
            throw new IOException($"{address} did not answer the probe: {e.Message}", e);
        }
    }

    private async Task<ProbeAnswer> VersionAsync(
        HttpMessageInvoker client, Uri address, string path, CancellationToken cancellation)
    {
        var (headers, body) = await GetAsync(client, address, path, cancellation);
        var (text, place) = Read(headers, body);
        if (text is null)
            return new ProbeAnswer(null, null, $"its answer at {path} has no {place}");
        if (!VersionId.TryParse(text.Trim(), out var version))
        {
            return new ProbeAnswer(
                null, null,
                $"its answer at {path} has no version of the form MAJOR.MINOR.PATCH (SemVer) in its {place}");
        }

        // An instance that contradicts itself proves nothing.
        return _discovery.ResponseHeader is { } carried && Header(headers, carried) is { } said
            && VersionId.TryParse(said, out var other) && other != version
            ? new ProbeAnswer(
                null, null, $"its answer at {path} says {version} in its {place} and {other} in header {carried}")
            : new ProbeAnswer(version, null, null);
    }

    private (string? Text, string Place) Read(HttpResponseMessage answer, byte[] body)
    {
        if ((_discovery.Path is null ? _discovery.ResponseHeader : _discovery.Header) is { } header)
            return (Header(answer, header), $"header {header}");
        if (_discovery.JsonField is { } field)
            return (JsonField(body, field), $"field {field}");
        var match = _pattern!.Match(Encoding.UTF8.GetString(body));
        return (match.Success ? match.Groups[1].Value : null, "text that Pattern matches");
    }

    private async Task<string> FingerprintAsync(
        HttpMessageInvoker client, Uri address, FingerprintOptions marks, CancellationToken cancellation)
    {
        var (answer, body) = await GetAsync(client, address, marks.Path!, cancellation);
        if ((int)answer.StatusCode >= 500)
            throw new IOException($"{address} answers {(int)answer.StatusCode} at {marks.Path}.");
        var seen = marks.Header is { } header
            ? Encoding.UTF8.GetBytes(Header(answer, header) ?? "")
            : _marks is null
                ? body
                : Encoding.UTF8.GetBytes(
                    string.Join('\n', _marks.Matches(Encoding.UTF8.GetString(body)).Select(m => m.Value)));
        if (seen.Length == 0)
            throw new IOException($"{address} shows nothing at {marks.Path} that tells builds apart.");
        return Convert.ToHexStringLower(SHA256.HashData(seen).AsSpan(0, 8));
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    private static string? JsonField(byte[] body, string field)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task<(HttpResponseMessage Answer, byte[] Body)> GetAsync(
        HttpMessageInvoker client, Uri address, string path, CancellationToken cancellation)
    {
        // The connection is encrypted already where it must be.
        var at = new UriBuilder(address)
        {
            Scheme = Uri.UriSchemeHttp,
            Port = address.Port,
            Path = "",
            Query = "",
        }.Uri;
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri(at, address.AbsolutePath.TrimEnd('/') + path))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Host = address.Authority;
        using var answer = await client.SendAsync(request, cancellation);
        var body = new MemoryStream();
        await using var content = await answer.Content.ReadAsStreamAsync(cancellation);
        var buffer = new byte[8 * 1024];
        int count;
        while ((count = await content.ReadAsync(buffer, cancellation)) > 0)
        {
            if (body.Length + count > MaxAnswer)
                throw new IOException($"{address} answers more than {MaxAnswer / 1024} KB at {path}.");
            body.Write(buffer, 0, count);
        }

        return answer.Headers.ConnectionClose != true && answer.Version == HttpVersion.Version11
            ? (answer, body.ToArray())
            : throw Closes(address);
    }

    private static IOException Closes(Uri address) => new(
        $"{address} closes the connection with its answer to the probe, so that the next one may lead to another "
        + "process; choose a path that keeps it open.");
}
