using System.Net;
using System.Security.Cryptography;
using IamGateway.Edge;

namespace IamGateway.Configuration;

/// <summary>Checks the sections <c>IamGateway:Edge</c> and <c>IamGateway:Limits</c>.</summary>
internal static class EdgeOptionsChecker
{
    private const string EdgeKey = "IamGateway:Edge";
    private const string LimitsKey = "IamGateway:Limits";
    private const int Megabyte = 1024 * 1024;

    public static void Check(EdgeOptions edge, LimitOptions limits, ConfigurationProblems problems)
    {
        for (var i = 0; i < edge.TrustedNetworks.Count; i++)
        {
            if (!IPNetwork.TryParse(edge.TrustedNetworks[i], out _))
                problems.Add(
                    $"{EdgeKey}:TrustedNetworks:{i}",
                    $"'{edge.TrustedNetworks[i]}' is not a network, for example 10.0.0.0/8 or fd00::/8.");
        }

        for (var i = 0; i < edge.RemoveHeaders.Count; i++)
            CheckToken(edge.RemoveHeaders[i], $"{EdgeKey}:RemoveHeaders:{i}", "the name of a header", problems);
        for (var i = 0; i < edge.RemoveCookies.Count; i++)
            CheckToken(edge.RemoveCookies[i], $"{EdgeKey}:RemoveCookies:{i}", "how a cookie's name begins", problems);
        CheckAuthorities(edge.ClientCertificateAuthorities, $"{EdgeKey}:ClientCertificateAuthorities", problems);
        Range(limits.HeadersSize, "HeadersSize", 1024, Megabyte, problems);
        Range(limits.HeaderCount, "HeaderCount", 10, 1000, problems);
        Range(limits.RequestLine, "RequestLine", 256, Megabyte, problems);
        Range(limits.BodySize, "BodySize", 0, long.MaxValue, problems);
        Range(limits.BodyRate, "BodyRate", 0, Megabyte, problems);
        Range(limits.ConnectionsPerClient, "ConnectionsPerClient", 1, int.MaxValue, problems);
        Range(limits.StreamsPerConnection, "StreamsPerConnection", 1, 10_000, problems);
        Range(limits.NewSessionsPerClient, "NewSessionsPerClient", 0, Megabyte, problems);
        if (limits.HeadersTimeout < TimeSpan.FromSeconds(1) || limits.HeadersTimeout > TimeSpan.FromMinutes(10))
            problems.Add(
                $"{LimitsKey}:HeadersTimeout",
                $"{limits.HeadersTimeout} is out of range; it must be from 00:00:01 to 00:10:00.");
    }

    public static void Check(InstanceTlsOptions tls, ConfigurationProblems problems)
    {
        const string Key = "IamGateway:InstanceTls";
        CheckAuthorities(tls.Authorities, $"{Key}:Authorities", problems);
        if (tls.Certificate is null && tls.Key is null)
            return;
        if (tls.Certificate is null || tls.Key is null)
        {
            problems.Add($"{Key}:Certificate", "Certificate and Key go together; give the other one, too.");
            return;
        }

        Try(
            () => _ = new CertificateFile(tls.Certificate, tls.Key, password: null), $"{Key}:Certificate",
            $"{tls.Certificate} with {tls.Key} cannot be used", problems);
    }

    private static void CheckAuthorities(string? file, string key, ConfigurationProblems problems)
    {
        if (file is null)
            return;
        Try(
            () =>
            {
                if (Authorities.Read(file).Count == 0)
                    problems.Add(key, $"{file} holds no certificate in PEM.");
            },
            key, $"{file} cannot be read", problems);
    }

    private static void Try(Action read, string key, string failure, ConfigurationProblems problems)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            problems.Add(key, $"{failure}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}.");
        }
    }

    private static void CheckToken(string text, string key, string what, ConfigurationProblems problems)
    {
        if (text.Length == 0 || !text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c)))
            problems.Add(key, $"'{text}' is not {what}.");
    }

    private static void Range(long? value, string key, long low, long high, ConfigurationProblems problems)
    {
        if (value < low || value > high)
            problems.Add($"{LimitsKey}:{key}", $"{value} is out of range; it must be from {low} to {high}.");
    }
}
