namespace IamGateway.Configuration;

internal enum AmbiguousPaths
{
    Forward,
    Refuse,
}

/// <summary>The section <c>IamGateway:Edge</c>: what is believed of what clients send.</summary>
internal sealed class EdgeOptions
{
    /// <summary>
    /// What becomes of paths that the IAM might read differently (dot segments, escaped separators, parameters):
    /// forwarded as they came and never taken for stateless, or refused. Default: Forward.
    /// </summary>
    public AmbiguousPaths AmbiguousPaths { get; set; }

    /// <summary>
    /// Networks (CIDR) of balancers and proxies in front of the gateway: from them X-Forwarded-For, -Proto and -Host
    /// say who the client is, and headers and cookies that only a proxy may set go on to the IAM. Default: none.
    /// </summary>
    public List<string> TrustedNetworks { get; set; } = [];

    /// <summary>
    /// Further headers that only a trusted peer may send, for example the one in which a balancer hands on client
    /// certificates.
    /// </summary>
    public List<string> RemoveHeaders { get; set; } = [];

    /// <summary>Cookies whose names begin so may only come from a trusted peer; beside AL_ENV_.</summary>
    public List<string> RemoveCookies { get; set; } = [];

    /// <summary>
    /// A PEM file of the authorities that sign client certificates, where Kestrel's ClientCertificateMode asks for
    /// them. Default: those that the system trusts.
    /// </summary>
    public string? ClientCertificateAuthorities { get; set; }
}

/// <summary>The section <c>IamGateway:Limits</c>: how much one client may ask for.</summary>
internal sealed class LimitOptions
{
    /// <summary>
    /// All request headers together, in bytes; the gateway's own cookie is not counted. Default: 16384.
    /// </summary>
    public int HeadersSize { get; set; } = 16 * 1024;

    /// <summary>The most headers of a request. Default: 100.</summary>
    public int HeaderCount { get; set; } = 100;

    /// <summary>Method, path and query, in bytes. Default: 8192.</summary>
    public int RequestLine { get; set; } = 8 * 1024;

    /// <summary>The body of a request, in bytes. Default: unlimited.</summary>
    public long? BodySize { get; set; }

    /// <summary>The longest that headers may take. Default: 00:00:30.</summary>
    public TimeSpan HeadersTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The least bytes per second of a request's body, and of a response that the client reads, after five seconds;
    /// 0: none. Default: 240.
    /// </summary>
    public int BodyRate { get; set; } = 240;

    /// <summary>The most connections of one client. Default: unlimited.</summary>
    public int? ConnectionsPerClient { get; set; }

    /// <summary>The most requests at once on one HTTP/2 connection. Default: 100.</summary>
    public int StreamsPerConnection { get; set; } = 100;

    /// <summary>
    /// Requests per second of one client that belong to no session that is known; ten times as many at once. 0:
    /// unlimited. Default: 1000.
    /// </summary>
    public int NewSessionsPerClient { get; set; } = 1000;
}

/// <summary>The section <c>IamGateway:InstanceTls</c>: connections to instances with https addresses.</summary>
internal sealed class InstanceTlsOptions
{
    /// <summary>
    /// A PEM file of the authorities that sign the instances' certificates. Default: those that the system trusts.
    /// </summary>
    public string? Authorities { get; set; }

    /// <summary>A PEM file with the gateway's certificate, for instances that ask for one. Default: none.</summary>
    public string? Certificate { get; set; }

    /// <summary>A PEM file with the key of the certificate.</summary>
    public string? Key { get; set; }
}
