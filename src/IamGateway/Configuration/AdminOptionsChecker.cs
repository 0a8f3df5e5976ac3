using System.Net;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Configuration;

/// <summary>Reports what is wrong with the section <c>IamGateway:Admin</c> and with listeners.</summary>
internal static class AdminOptionsChecker
{
    private const string Section = "IamGateway:Admin";
    private const int MinClientSecret = 16;

    public static void Check(
        IConfiguration configuration, AdminOptions admin, bool isDevelopment, ConfigurationProblems problems)
    {
        for (var i = 0; i < admin.ApiKeys.Count; i++)
        {
            var (key, prefix) = (admin.ApiKeys[i], $"{Section}:ApiKeys:{i}");
            if (string.IsNullOrWhiteSpace(key.Name))
                problems.Add($"{prefix}:Name", "name who uses the key; the audit log shows it.");
            if (key.Sha256 is not { Length: 64 } || !key.Sha256.All(char.IsAsciiHexDigit))
                problems.Add($"{prefix}:Sha256",
                    "it must be the SHA-256 of the key in 64 hex digits: printf %s KEY | sha256sum.");
            if (key.Role is not ("viewer" or "operator" or "admin"))
                problems.Add($"{prefix}:Role", $"'{key.Role}' is not one of viewer, operator, admin.");
        }

        if (admin.Jwt is { } jwt)
        {
            if (!IsIssuer(jwt.Authority, isDevelopment))
                problems.Add($"{Section}:Jwt:Authority", "it must be the https URL of the token issuer.");
            if (string.IsNullOrWhiteSpace(jwt.Audience))
                problems.Add($"{Section}:Jwt:Audience", "name the audience that tokens for this gateway carry.");
        }

        if (admin.Oidc is { } oidc)
            CheckOidc(oidc, admin.Jwt, isDevelopment, problems);
        foreach (var (index, host) in admin.AllowedHosts.Index())
        {
            if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            {
                problems.Add(
                    $"{Section}:AllowedHosts:{index}",
                    $"'{host}' is not a host name; write it without scheme and port.");
            }
        }

        foreach (var (index, proxy) in admin.TrustedProxies.Index())
        {
            if (!TryNetwork(proxy, out _))
            {
                problems.Add(
                    $"{Section}:TrustedProxies:{index}",
                    $"'{proxy}' is neither an address nor a network, for example 10.1.0.0/16.");
            }
        }

        CheckListeners(configuration, admin, isDevelopment, problems);
    }

    // What Jwt says of the provider need not be said twice.
    private static void CheckOidc(OidcOptions oidc, JwtOptions? jwt, bool isDevelopment, ConfigurationProblems problems)
    {
        oidc.Authority ??= jwt?.Authority;
        oidc.RoleClaim ??= jwt?.RoleClaim ?? new JwtOptions().RoleClaim;
        if (!IsIssuer(oidc.Authority, isDevelopment))
            problems.Add($"{Section}:Oidc:Authority", "it must be the https URL of the OpenID provider.");
        if (string.IsNullOrWhiteSpace(oidc.ClientId))
            problems.Add($"{Section}:Oidc:ClientId", "name the client that the provider knows this gateway as.");
        if (oidc.ClientSecret is not { Length: >= MinClientSecret })
        {
            problems.Add(
                $"{Section}:Oidc:ClientSecret",
                $"give the client's secret of at least {MinClientSecret} characters, best in the environment.");
        }
    }

    private static bool IsIssuer(string? text, bool isDevelopment) =>
        Uri.TryCreate(text, UriKind.Absolute, out var authority)
        && (authority.Scheme == "https" || authority.Scheme == "http" && isDevelopment);

    /// <summary>Reads an address, which is a network of one, or a network as 10.1.0.0/16.</summary>
    public static bool TryNetwork(string text, out IPNetwork network)
    {
        if (!IPAddress.TryParse(text, out var address))
            return IPNetwork.TryParse(text, out network);
        network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
        return true;
    }

    private static void CheckListeners(
        IConfiguration configuration, AdminOptions admin, bool isDevelopment, ConfigurationProblems problems)
    {
        foreach (var endpoint in configuration.GetSection("Kestrel:Endpoints").GetChildren())
        {
            var url = endpoint["Url"];
            if (url is not null && !IsListenUrl(url))
                problems.Add($"{endpoint.Path}:Url", $"'{url}' is not a URL to listen on, for example http://*:8080.");
            // Every endpoint whose name begins so belongs to the admin listener (GatewayConfiguration.Listener).
            else if (endpoint.Key.StartsWith("Admin", StringComparison.OrdinalIgnoreCase)
                && !isDevelopment && !admin.HasAuthentication && url is not null && !IsLoopback(url))
            {
                problems.Add(
                    $"{endpoint.Path}:Url",
                    $"{url} is reachable from other machines and no authentication is configured; "
                    + $"set {Section}:ApiKeys, {Section}:Jwt or {Section}:Oidc, or listen on localhost.");
            }
        }
    }

    private static bool IsListenUrl(string url)
    {
        try
        {
            return BindingAddress.Parse(url) is { Scheme: "http" or "https", Port: >= 0 and <= 65535 };
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static bool IsLoopback(string url)
    {
        var named = url.Replace("*", "any", StringComparison.Ordinal).Replace("+", "any", StringComparison.Ordinal);
        if (!Uri.TryCreate(named, UriKind.Absolute, out var uri))
            return false;
        return uri.Host == "localhost"
            || IPAddress.TryParse(uri.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip);
    }
}
