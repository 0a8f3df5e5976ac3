using System.Text.RegularExpressions;
using IamGateway.Forwarding;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using StackExchange.Redis;

namespace IamGateway.Configuration;

/// <summary>Reads the configuration and reports everything that is wrong with it, each problem with its key.</summary>
internal static class GatewaySettingsReader
{
    private const string Section = "IamGateway";
    private const int MinHashKey = 32;

    public static GatewaySettings? Read(
        IConfiguration configuration, string environment, ConfigurationProblems problems)
    {
        var isTest = environment == "Test";
        var isDevelopment = environment == Environments.Development;
        var section = configuration.GetSection(Section);
        problems.CheckShape(section, typeof(GatewayOptions));
        var options = problems.WellShaped(section).Get<GatewayOptions>() ?? new GatewayOptions();
        var before = problems.Lines.Count;
        var instances = Instances(configuration, options, problems);
        var areAllRead = problems.Lines.Count == before;
        var initial = Version(options.Versions.Initial, $"{Section}:Versions:Initial", problems);
        var minimum = Version(options.Rollout.MinimumVersion, $"{Section}:Rollout:MinimumVersion", problems);
        var redis = configuration.GetConnectionString("Redis");
        var rules = SessionRulesReader.Read(
            options.Sessions, $"{Section}:Sessions", options.Store.SessionTtl, problems);
        CheckVersions(instances, areAllRead, options.Versions.Initial is not null, initial, problems);
        CheckTimes(options, problems);
        CheckAffinity(options, section, problems);
        if (options.AccessLog.Share is not (>= 0 and <= 1))
            problems.Add($"{Section}:AccessLog:Share", "it must be a share from 0 to 1.");
        CheckRoutes(configuration, options.Retry, problems);
        CheckStore(options.Store, redis, problems);
        CheckDiscovery(configuration, options, instances, problems);
        AdminOptionsChecker.Check(configuration, options.Admin, isDevelopment, problems);
        CheckWitness(options.Witness, problems);
        RolloutOptionsChecker.Check(options.Rollout, problems);
        EdgeOptionsChecker.Check(options.Edge, options.Limits, problems);
        EdgeOptionsChecker.Check(options.InstanceTls, problems);
        if (options.TestOnly.DisabledRules.Count > 0 && !isTest)
            problems.Add($"{Section}:TestOnly:DisabledRules",
                "rules of the guarantee can be switched off in the environment Test only; remove it.");
        if (options.TestOnly.LeasesKeptFor is not null && !isTest)
            problems.Add($"{Section}:TestOnly:LeasesKeptFor", "it is for the environment Test only; remove it.");
        var stateless = Paths(options.Stateless, $"{Section}:Stateless", problems);
        var hold = Paths(options.Migration.HoldPaths, $"{Section}:Migration:HoldPaths", problems);
        return problems.Any
            ? null
            : new GatewaySettings(
                options, instances, new SessionRules(rules, stateless), hold, initial, minimum, redis);
    }

    private static void CheckAffinity(
        GatewayOptions options, IConfigurationSection section, ConfigurationProblems problems)
    {
        if (options.Affinity != SessionAffinity.Instance)
            return;
        if (options.Migration.ExistingSessions == ExistingSessions.Migrate
            && section["Migration:ExistingSessions"] is not null)
        {
            problems.Add(
                $"{Section}:Migration:ExistingSessions",
                $"sessions that live on one instance ({Section}:Affinity=Instance) cannot migrate; set Stay, or "
                + "remove it.");
        }

        options.Migration.ExistingSessions = ExistingSessions.Stay;
    }

    private static List<InstanceOptions> Instances(
        IConfiguration configuration, GatewayOptions options, ConfigurationProblems problems)
    {
        var path = $"ReverseProxy:Clusters:{options.Cluster}:Destinations";
        var instances = new List<InstanceOptions>();
        var before = problems.Lines.Count;
        foreach (var destination in configuration.GetSection(path).GetChildren())
        {
            var key = $"{destination.Path}:Address";
            var address = Address(destination["Address"], key, problems);
            var version = Version(destination["Metadata:Version"], $"{destination.Path}:Metadata:Version", problems);
            if (address is null || version is null && destination["Metadata:Version"] is not null)
                continue;
            if (instances.Find(i => i.Address == address) is { } twin)
                problems.Add(
                    key, $"{address} is the address of instance '{twin.Id}' too; one address is one instance.");
            instances.Add(new InstanceOptions(
                destination.Key, address, version, IsName(destination, address, problems)));
        }

        if (instances.Count == 0 && problems.Lines.Count == before && options.Versions.Initial is null)
            problems.Add(path, "no instance is configured; give at least one with Address and Metadata:Version.");
        return instances;
    }

    private static bool IsName(IConfigurationSection destination, Uri address, ConfigurationProblems problems)
    {
        var key = $"Metadata:{InstanceOptions.ResolveName}";
        if (destination[key] is not { } resolve)
            return false;
        if (resolve != InstanceOptions.ResolveByDns)
            problems.Add(
                $"{destination.Path}:{key}", $"'{resolve}' is not known; 'dns' asks for the name's addresses.");
        else if (address.HostNameType != UriHostNameType.Dns)
            problems.Add($"{destination.Path}:{key}", $"{address.Host} is no name that has addresses; take it out.");
        return true;
    }

    /// <summary>Reads an instance's base URL; null with a problem if it is not absolute http or https.</summary>
    public static Uri? Address(string? text, string key, ConfigurationProblems problems)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
        {
            if (address is { UserInfo: "", Query: "", Fragment: "" })
                return address;
            // Not repeated: it may hold a password.
            problems.Add(key, "an instance's URL has no user, query or fragment; give scheme, host, port and path.");
            return null;
        }

        problems.Add(key, $"'{text}' is not an absolute http or https URL, for example http://10.0.0.1:8080.");
        return null;
    }

    private static VersionId? Version(string? text, string key, ConfigurationProblems problems)
    {
        if (text is null || VersionId.TryParse(text, out var version))
            return text is null ? null : VersionId.Parse(text);
        problems.Add(key, $"'{text}' is not a version of the form MAJOR.MINOR.PATCH (SemVer).");
        return null;
    }

    private static void CheckVersions(
        List<InstanceOptions> instances, bool areAllRead, bool isNamed, VersionId? initial,
        ConfigurationProblems problems)
    {
        var versions = instances.Select(i => i.Version).OfType<VersionId>().Distinct().Order().ToArray();
        if (!isNamed && versions.Length > 1)
        {
            problems.Add(
                $"{Section}:Versions:Initial",
                $"instances of {string.Join(" and ", versions.Select(v => v.ToString()))} are configured; "
                + "name the version that takes the traffic first.");
        }
        else if (initial is not null && versions.Length > 0 && !versions.Contains(initial)
            && areAllRead && instances.TrueForAll(i => i.Version is not null))
        {
            problems.Add($"{Section}:Versions:Initial", $"no instance of version {initial} is configured.");
        }
    }

    private static void CheckTimes(GatewayOptions options, ConfigurationProblems problems)
    {
        Range(options.RequestTimeout, "RequestTimeout", TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), problems);
        Range(options.ShutdownTimeout, "ShutdownTimeout", TimeSpan.Zero, TimeSpan.FromHours(1), problems);
        Range(options.ShutdownDelay, "ShutdownDelay", TimeSpan.Zero, TimeSpan.FromHours(1), problems);
        Range(options.Dns.Refresh, "Dns:Refresh", TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), problems);
        Range(options.Drain.CloseWithin, "Drain:CloseWithin", TimeSpan.Zero, TimeSpan.FromHours(1), problems);
        Range(options.Store.Timeout, "Store:Timeout", TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(5), problems);
        Range(options.Store.RestoreWait, "Store:RestoreWait", TimeSpan.Zero, TimeSpan.FromMinutes(1), problems);
        Range(options.Store.SessionTtl, "Store:SessionTtl", TimeSpan.FromMinutes(1), TimeSpan.FromDays(90), problems);
        Range(options.Migration.MaxHold, "Migration:MaxHold", TimeSpan.Zero, TimeSpan.FromHours(24), problems);
        Range(options.Migration.MaxDeferral, "Migration:MaxDeferral", TimeSpan.Zero, TimeSpan.FromHours(24), problems);
        Range(options.Migration.MaxWait, "Migration:MaxWait", TimeSpan.Zero, TimeSpan.FromMinutes(1), problems);
        Range(options.Versions.Discovery.Interval, "Versions:Discovery:Interval",
            TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), problems);
        Range(options.Versions.Discovery.Timeout, "Versions:Discovery:Timeout",
            TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1), problems);
    }

    // Settings of YARP's routes that need steps which are not in the pipeline: requests would fail, or not be limited.
    private static readonly string[] NotOffered =
        ["AuthorizationPolicy", "CorsPolicy", "OutputCachePolicy", "RateLimiterPolicy", "Timeout", "TimeoutPolicy"];

    private static void CheckRoutes(IConfiguration configuration, RetryOptions retry, ConfigurationProblems problems)
    {
        if (retry.Budget is not (>= 0 and <= 1))
            problems.Add($"{Section}:Retry:Budget", "it must be a share from 0 to 1.");
        foreach (var route in configuration.GetSection("ReverseProxy:Routes").GetChildren())
        {
            if (route[$"Metadata:{Retries.MetadataName}"] is { } value && value != Retries.SafeMethods)
                problems.Add(
                    $"{route.Path}:Metadata:{Retries.MetadataName}",
                    $"'{value}' is not known; '{Retries.SafeMethods}' lets GET, HEAD and OPTIONS be repeated.");
            foreach (var name in NotOffered)
            {
                if (route[name] is not null)
                    problems.Add($"{route.Path}:{name}", "the gateway does not offer it; take it out.");
            }
        }
    }

    private static void Range(TimeSpan value, string key, TimeSpan low, TimeSpan high, ConfigurationProblems problems)
    {
        if (value < low || value > high)
            problems.Add($"{Section}:{key}", $"{value} is out of range; it must be from {low} to {high}.");
    }

    private static void CheckStore(StoreOptions store, string? redis, ConfigurationProblems problems)
    {
        if (!Regex.IsMatch(store.KeyPrefix, "^[A-Za-z0-9_.-]{1,32}$"))
            problems.Add($"{Section}:Store:KeyPrefix", "it must be 1 to 32 letters, digits, '.', '_' or '-'.");
        if (store.MaxSessions < 1)
            problems.Add($"{Section}:Store:MaxSessions", "it must be at least 1.");
        if (store.CachedNames < 2)
            problems.Add($"{Section}:Store:CachedNames", "it must be at least 2.");
        // Empty, it is a secret that did not arrive.
        if (store.HashKey is { Length: < MinHashKey })
        {
            problems.Add(
                $"{Section}:Store:HashKey",
                $"it must have at least {MinHashKey} characters, the same on every replica: openssl rand -base64 32.");
        }

        if (redis is null)
            return;
        try
        {
            if (ConfigurationOptions.Parse(redis).EndPoints.Count == 0)
                problems.Add("ConnectionStrings:Redis", "it names no server; give host:port.");
        }
        catch (ArgumentException)
        {
            // The library's message repeats the option, which may be a password.
            problems.Add("ConnectionStrings:Redis",
                "it is not a StackExchange.Redis connection string, for example redis:6379,ssl=true.");
        }
    }

    private static void CheckDiscovery(
        IConfiguration configuration, GatewayOptions options, List<InstanceOptions> instances,
        ConfigurationProblems problems)
    {
        var discovery = options.Versions.Discovery;
        var key = $"{Section}:Versions:Discovery";
        var ways = new[] { discovery.JsonField, discovery.Header, discovery.Pattern }.Count(w => w is not null);
        if (discovery.Path is not null && (!discovery.Path.StartsWith('/') || ways != 1))
            problems.Add(key, "Path must begin with '/' and go with exactly one of JsonField, Header and Pattern.");
        if (discovery.Path is null && ways > 0)
            problems.Add($"{key}:Path", "name the path that reports the version, for example /health.");
        if (discovery.Pattern is not null && !IsPattern(discovery.Pattern))
            problems.Add($"{key}:Pattern", "it is not a regular expression with one group for the version.");
        CheckFingerprint(discovery, $"{key}:Fingerprint", problems);
        var request = configuration.GetSection($"ReverseProxy:Clusters:{options.Cluster}:HttpRequest");
        if ((discovery.Path ?? discovery.Fingerprint?.Path) is not null && request["Version"] is "2" or "2.0" or "3"
            && request["VersionPolicy"] is "RequestVersionExact" or "RequestVersionOrHigher")
        {
            problems.Add($"{request.Path}:VersionPolicy",
                "a connection is asked for its version over HTTP/1.1; with discovery set RequestVersionOrLower.");
        }

        foreach (var instance in instances.Where(i => i.Version is null && discovery.Path is null))
        {
            var version = $"ReverseProxy:Clusters:{options.Cluster}:Destinations:{instance.Id}:Metadata:Version";
            if (configuration[version] is null)
                problems.Add(version, $"name the version, or say with {key} how the instance reports it.");
        }
    }

    private static void CheckFingerprint(DiscoveryOptions discovery, string key, ConfigurationProblems problems)
    {
        if (discovery.Fingerprint is not { } fingerprint)
            return;
        if (discovery.Path is not null)
            problems.Add(key, "it is for an IAM that reports no version; remove it, or Path beside it.");
        if (fingerprint.Path is not { } path || !path.StartsWith('/'))
            problems.Add($"{key}:Path", "name the page that tells builds apart, beginning with '/'.");
        if (fingerprint is { Header: not null, Pattern: not null })
            problems.Add(key, "give Header or Pattern, not both.");
        if (fingerprint.Pattern is { } pattern && !IsPattern(pattern, groups: 1))
            problems.Add($"{key}:Pattern", "it is not a regular expression.");
    }

    private static bool IsPattern(string pattern, int groups = 2)
    {
        try
        {
            return new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(1)).GetGroupNumbers().Length >= groups;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static void CheckWitness(WitnessOptions witness, ConfigurationProblems problems)
    {
        var key = $"{Section}:Witness";
        if (witness.SameSite is not ("Lax" or "Strict" or "None"))
            problems.Add($"{key}:SameSite", $"'{witness.SameSite}' is not one of Lax, Strict, None.");
        if (!Regex.IsMatch(witness.CookieName, "^[A-Za-z0-9_-]{1,32}$"))
            problems.Add($"{key}:CookieName", "it must be 1 to 32 letters, digits, '_' or '-'.");
        if (witness.Enabled && witness.Keys.Count == 0)
            problems.Add($"{key}:Keys", "give at least one key: openssl rand -base64 32.");
        for (var i = 0; i < witness.Keys.Count; i++)
        {
            var bytes = new byte[witness.Keys[i].Length];
            if (!Convert.TryFromBase64String(witness.Keys[i], bytes, out var length) || length < 32)
                problems.Add(
                    $"{key}:Keys:{i}", "it must be base64 of at least 32 random bytes: openssl rand -base64 32.");
        }
    }

    private static List<PathString> Paths(List<string> paths, string key, ConfigurationProblems problems)
    {
        var read = new List<PathString>();
        for (var i = 0; i < paths.Count; i++)
        {
            if (SessionRulesReader.Path(paths[i], $"{key}:{i}", problems) is { } path)
                read.Add(path);
        }

        return read;
    }
}
