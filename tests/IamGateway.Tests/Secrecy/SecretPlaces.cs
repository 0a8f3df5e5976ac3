using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Configuration;
using IamGateway.Sessions;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Secrecy;

/// <summary>Where secrets stand in requests, responses and configurations; takes them into the registry.</summary>
internal sealed partial class SecretPlaces(Secrets secrets)
{
    // Names of parameters, fields and headers that carry one, whatever a test's rules are.
    private static readonly string[] Usual =
    [
        "code", "token", "access_token", "refresh_token", "id_token", "id_token_hint", "client_secret", "password",
        "request_uri", "device_code", "auth_req_id", "handle", "X-Api-Key",
    ];

    // What rules take out of a value and use as the session's name.
    private static readonly HandleExtractor[] Extractors =
        [.. ((string[])["SignedRoute", "Part:.:1", "Jwt:sid"]).Select(Extractor)];

    private readonly ConcurrentDictionary<string, byte> _names =
        new(Usual.Select(n => KeyValuePair.Create(n, (byte)0)), StringComparer.OrdinalIgnoreCase);

    /// <summary>User, if there is one, and password of stores.</summary>
    public ConcurrentDictionary<(string? User, string Password), byte> Stores { get; } = new();

    private static HandleExtractor Extractor(string text) =>
        HandleExtractor.TryParse(text, out var extractor) ? extractor! : throw new FormatException(text);

    private void Handle(ReadOnlySpan<char> value)
    {
        if (!secrets.Add(value) || !value.Contains('.'))
            return;
        foreach (var extractor in Extractors)
        {
            // What is no such value may be decoded to anything.
            if (extractor.TryExtract(value, out var name) && name!.All(c => c is > ' ' and <= '~'))
                secrets.Add(name);
        }
    }

    /// <summary>
    /// What a gateway is started with: its secrets, and the names under which clients will send theirs.
    /// </summary>
    public void Configuration(string[] arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var settings = (environment ?? new Dictionary<string, string?>())
            .Select(e => KeyValuePair.Create(e.Key.Replace("__", ":", StringComparison.Ordinal), e.Value));
        try
        {
            settings = GatewayConfiguration.Build(arguments).AsEnumerable().Concat(settings);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            // The gateway will say so, too.
        }

        foreach (var (key, value) in settings)
        {
            if (string.IsNullOrEmpty(value))
                continue;
            if (SecretKey().IsMatch(key))
                secrets.Add(value);
            else if (NameKey().IsMatch(key))
                _names.TryAdd(value, 0);
            else if (key.StartsWith("ConnectionStrings:", StringComparison.OrdinalIgnoreCase))
                Store(value);
        }
    }

    private void Store(string connection)
    {
        var parts = connection.Split(',').Select(p => p.Split('=', 2)).Where(p => p.Length == 2)
            .ToLookup(p => p[0].Trim(), p => p[1]);
        if (parts["password"].FirstOrDefault() is not { } password)
            return;
        secrets.Add(password);
        Stores.TryAdd((parts["user"].FirstOrDefault(), password), 0);
    }

    /// <summary>A command line of redis-server, or a command to it, that sets the password.</summary>
    public void StoreCommand(string command)
    {
        if (StorePassword().Match(command) is { Success: true } match)
            Store($"password={match.Groups[1].Value}");
    }

    /// <summary>A header of a request or a response.</summary>
    public void Header(string name, string? value)
    {
        if (value is null)
            return;
        if (name.Equals("Cookie", StringComparison.OrdinalIgnoreCase))
            Cookies(value);
        else if (name.Equals("Set-Cookie", StringComparison.OrdinalIgnoreCase))
            Cookies(value.AsSpan(0, value.IndexOf(';') is >= 0 and var end ? end : value.Length));
        else if (name.Equals("Authorization", StringComparison.OrdinalIgnoreCase))
            Authorization(value);
        else if (name.Equals("Location", StringComparison.OrdinalIgnoreCase))
            Address(value);
        else if (_names.ContainsKey(name))
            Handle(value);
    }

    private void Cookies(ReadOnlySpan<char> header)
    {
        foreach (var part in header.Split(';'))
        {
            var cookie = header[part];
            if (cookie.IndexOf('=') is >= 0 and var equals)
                Handle(cookie[(equals + 1)..].Trim().Trim('"'));
        }
    }

    private void Authorization(string value)
    {
        var credentials = value[(value.IndexOf(' ') + 1)..];
        Handle(credentials);
        var decoded = new byte[credentials.Length];
        if (value.StartsWith("Basic ", StringComparison.Ordinal)
            && Convert.TryFromBase64String(credentials, decoded, out var length))
            secrets.Add(Encoding.UTF8.GetString(decoded.AsSpan(0, length)).Split(':', 2)[^1]);
    }

    /// <summary>An address with the parameters behind ? and #.</summary>
    public void Address(string address)
    {
        foreach (var part in address.Split('?', '#').Skip(1))
            Form(part);
    }

    public void Form(string fields)
    {
        foreach (var field in new QueryStringEnumerable(fields))
        {
            if (_names.ContainsKey(field.DecodeName().ToString()))
                Handle(field.DecodeValue().Span);
        }
    }

    /// <summary>The body of a request to the admin API.</summary>
    public void Json(string body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return;
            // The console's log-in calls the API key so.
            foreach (var member in json.RootElement.EnumerateObject().Where(m =>
                m.Value.ValueKind == JsonValueKind.String && (m.Name == "key" || _names.ContainsKey(m.Name))))
                Handle(member.Value.GetString());
        }
        catch (JsonException)
        {
            // A test of bad input.
        }
    }

    [GeneratedRegex(@"requirepass (\S+)")]
    private static partial Regex StorePassword();

    [GeneratedRegex(
        @"^IamGateway:(Witness:Keys:\d+|Store:HashKey|Admin:Oidc:ClientSecret|Rollout:Webhooks:\d+:Secret)$|"
        + ":Certificate:Password$", RegexOptions.IgnoreCase)]
    private static partial Regex SecretKey();

    [GeneratedRegex(
        @"^IamGateway:Sessions:\d+:(Query|Form|Header|LocationQuery|LocationFragment|JsonField|FormPostField)$",
        RegexOptions.IgnoreCase)]
    private static partial Regex NameKey();
}
