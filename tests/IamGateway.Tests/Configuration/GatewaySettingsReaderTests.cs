using IamGateway.Configuration;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Configuration;

public sealed class GatewaySettingsReaderTests
{
    private const string Destinations = "ReverseProxy:Clusters:iam:Destinations";
    private const string Hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    [Fact]
    public void Read_ValidConfiguration_GivesSettings()
    {
        var (settings, problems) = Read("Production");

        Assert.Empty(problems);
        Assert.Equal(["8.2.1", "8.3.0"], settings!.Versions.Select(v => v.ToString()));
        Assert.Equal(["new-1", "old-1"], settings.Instances.Select(i => i.Id).Order());
        Assert.Equal("session", Assert.Single(settings.Sessions.All).Name);
    }

    [Theory]
    [InlineData("IamGateway:RequestTimeout", "soon")]
    [InlineData("IamGateway:RequestTimeout", "00:00:00")]
    [InlineData("IamGateway:RequestTimeout", "1.00:00:00")]
    [InlineData("IamGateway:ShutdownTimeout", "-00:00:01")]
    [InlineData("IamGateway:ShutdownDelay", "02:00:00")]
    [InlineData("IamGateway:Drain:CloseWithin", "soon")]
    [InlineData("IamGateway:Retry:Budget", "1.1")]
    [InlineData("IamGateway:Retry:Budget", "-0.1")]
    [InlineData("IamGateway:Retry:Budget", "NaN")]
    [InlineData("IamGateway:Retry:Budget", "some")]
    [InlineData("ReverseProxy:Routes:iam:Metadata:Retry", "always")]
    [InlineData("ReverseProxy:Routes:iam:AuthorizationPolicy", "default")]
    [InlineData("ReverseProxy:Routes:iam:CorsPolicy", "disable")]
    [InlineData("ReverseProxy:Routes:iam:RateLimiterPolicy", "mine")]
    [InlineData("ReverseProxy:Routes:iam:OutputCachePolicy", "mine")]
    [InlineData("ReverseProxy:Routes:iam:Timeout", "00:00:10")]
    [InlineData("ReverseProxy:Routes:iam:TimeoutPolicy", "mine")]
    [InlineData("IamGateway:Affinity", "Sticky")]
    [InlineData("IamGateway:Affinity", "1")]
    [InlineData("IamGateway:Demo", "maybe")]
    [InlineData("IamGateway:Stateless:0", "public")]
    [InlineData("IamGateway:Unknown", "x")]
    [InlineData("IamGateway:Store", "redis")]
    [InlineData("IamGateway:Store:KeyPrefix", "a b")]
    [InlineData("IamGateway:Store:KeyPrefix", "")]
    [InlineData("IamGateway:Store:KeyPrefx", "a")]
    [InlineData("IamGateway:Store:Timeout", "00:00:10")]
    [InlineData("IamGateway:Store:Timeout:Seconds", "1", "IamGateway:Store:Timeout")]
    [InlineData("IamGateway:Store:SessionTtl", "00:00:01")]
    [InlineData("IamGateway:Store:MaxSessions", "0")]
    [InlineData("IamGateway:Store:MaxSessions", "many")]
    [InlineData("IamGateway:Store:MaxSessions", "99999999999")]
    [InlineData("IamGateway:Store:CachedNames", "1")]
    [InlineData("IamGateway:Store:HashKey", "")]
    [InlineData("IamGateway:Store:HashKey", "0123456789012345678901234567890")]
    [InlineData("IamGateway:Store:ReplaceHashKey", "once")]
    [InlineData("IamGateway:Versions:Initial", "8.2")]
    [InlineData("IamGateway:Versions:Initial", "9.9.9")]
    [InlineData("IamGateway:Versions:Initial", null)]
    [InlineData("IamGateway:Versions:Discovery:JsonField", "version", "IamGateway:Versions:Discovery:Path")]
    [InlineData("IamGateway:Versions:Discovery:Path", "/health", "IamGateway:Versions:Discovery")]
    [InlineData("IamGateway:Versions:Discovery:Interval", "00:00:00")]
    [InlineData("IamGateway:Versions:Discovery:Timeout", "01:00:00")]
    [InlineData("IamGateway:Migration:ExistingSessions", "Leave")]
    [InlineData("IamGateway:Migration:HoldPaths:0", "login")]
    [InlineData("IamGateway:Migration:MaxHold", "2.00:00:00")]
    [InlineData("IamGateway:Migration:MaxDeferral", "-1")]
    [InlineData("IamGateway:Migration:MaxWait", "00:02:00")]
    [InlineData("IamGateway:Rollout:MinimumVersion", "v8")]
    [InlineData("IamGateway:Rollout:SchemaCheckUrl", "schema")]
    [InlineData("IamGateway:Rollout:SessionStateExternal", "maybe")]
    [InlineData("IamGateway:Rollout:Gates:0:Url", "gate")]
    [InlineData("IamGateway:Sessions:0:Name", null)]
    [InlineData("IamGateway:Sessions:0:Cookie", null, "IamGateway:Sessions:0")]
    [InlineData("IamGateway:Sessions:0:Header", "X-Session", "IamGateway:Sessions:0")]
    [InlineData("IamGateway:Sessions:0:Scheme", "Bearer")]
    [InlineData("IamGateway:Sessions:0:Path", "login")]
    [InlineData("IamGateway:Sessions:0:JsonField", "id", "IamGateway:Sessions:0:IssuedAt")]
    [InlineData("IamGateway:Sessions:0:Extract", "Json:sid")]
    [InlineData("IamGateway:Sessions:0:Lifetime", "soon")]
    [InlineData("IamGateway:Sessions:0:Lifetime", "00:00:00")]
    [InlineData("IamGateway:Sessions:0:Lifetime", "-00:10:00")]
    [InlineData("IamGateway:Sessions:0:Lifetime", "12:00:01")]
    [InlineData("IamGateway:Sessions:1:Preset", "Unknown")]
    [InlineData("IamGateway:Witness:Enabled", "true", "IamGateway:Witness:Keys")]
    [InlineData("IamGateway:Witness:Keys:0", "c2hvcnQ=")]
    [InlineData("IamGateway:Witness:Keys:0", "not base64")]
    [InlineData("IamGateway:Witness:SameSite", "lax")]
    [InlineData("IamGateway:Witness:CookieName", "a;b")]
    [InlineData("IamGateway:Admin:ApiKeys:0:Name", " ")]
    [InlineData("IamGateway:Admin:ApiKeys:0:Sha256", "key-in-clear")]
    [InlineData("IamGateway:Admin:ApiKeys:0:Role", "root")]
    [InlineData("IamGateway:Admin:Jwt:Audience", "gateway", "IamGateway:Admin:Jwt:Authority")]
    [InlineData("ConnectionStrings:Redis", "ssl=true")]
    [InlineData(Destinations + ":old-1:Metadata:Resolve", "srv")]
    [InlineData(Destinations + ":old-1:Metadata:Resolve", "dns")]
    [InlineData("IamGateway:Dns:Refresh", "00:00:00")]
    [InlineData(Destinations + ":old-1:Address", "10.0.0.1:8080")]
    [InlineData(Destinations + ":old-1:Address", "/iam")]
    [InlineData(Destinations + ":old-1:Address", "ftp://10.0.0.1")]
    [InlineData(Destinations + ":old-1:Address", null)]
    [InlineData(Destinations + ":new-1:Address", "http://10.0.0.1:8080/", Destinations + ":old-1:Address")]
    [InlineData(Destinations + ":old-1:Metadata:Version", "8.2")]
    [InlineData(Destinations + ":old-1:Metadata:Version", null)]
    public void Read_OneBadValue_IsOneLineWithItsKey(string key, string? value, string? reported = null)
    {
        var (settings, problems) = Read("Production", (key, value));

        Assert.Null(settings);
        Assert.StartsWith($"{reported ?? key}: ", Assert.Single(problems), StringComparison.Ordinal);
        Assert.EndsWith(".", problems[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no group")]
    [InlineData("(")]
    public void Read_BadPattern_IsReported(string pattern)
    {
        var (_, problems) = Read(
            "Production", ("IamGateway:Versions:Discovery:Path", "/health"),
            ("IamGateway:Versions:Discovery:Pattern", pattern));

        Assert.StartsWith("IamGateway:Versions:Discovery:Pattern: ", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ManyBadValues_AreAllReportedAtOnceOfShapeAndOfMeaning()
    {
        var (_, problems) = Read(
            "Production", ("IamGateway:Unknown", "x"), ("IamGateway:RequestTimeout", "soon"),
            ("IamGateway:ShutdownTimeout", "-1"), ("IamGateway:Store:KeyPrefix", "a b"),
            ("IamGateway:Versions:Initial", "8.2"),
            ("IamGateway:Admin:ApiKeys:0:Role", "root"), ($"{Destinations}:old-1:Address", "nowhere"));

        string[] keys =
        [
            "IamGateway:Unknown", "IamGateway:RequestTimeout", "IamGateway:ShutdownTimeout",
            "IamGateway:Store:KeyPrefix",
            "IamGateway:Versions:Initial", "IamGateway:Admin:ApiKeys:0:Role", $"{Destinations}:old-1:Address",
        ];
        Assert.All(keys, k => Assert.Single(problems, p => p.StartsWith(k + ":", StringComparison.Ordinal)));
        Assert.Equal(keys.Length, problems.Count);
    }

    [Fact]
    public void Read_MisspeltSetting_NamesTheKnownOnesAndNothingThatFollowsFromIt()
    {
        var (_, problems) = Read(
            "Production", ("IamGateway:Sessions:0:Cookie", null), ("IamGateway:Sessions:0:Cokie", "IAM"));

        var line = Assert.Single(problems);
        Assert.StartsWith("IamGateway:Sessions:0:Cokie: ", line, StringComparison.Ordinal);
        Assert.Contains("Cookie", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoInstance_IsReportedBesideOtherProblems()
    {
        var (_, problems) = Read(
            "Production", ("IamGateway:Unknown", "x"), ("IamGateway:Versions:Initial", null),
            ("IamGateway:Cluster", "other"));

        Assert.Single(
            problems, p => p.StartsWith("ReverseProxy:Clusters:other:Destinations: ", StringComparison.Ordinal));
        Assert.Equal(2, problems.Count);
    }

    [Fact]
    public void Read_RedisPasswordInABadConnectionString_IsNotRepeated()
    {
        var (_, problems) = Read("Production", ("ConnectionStrings:Redis", "redis:6379,pasword=hunter2"));

        Assert.DoesNotContain("hunter2", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void ToString_SettingsWithRedisPassword_DoNotShowIt()
    {
        var (settings, _) = Read("Production", ("ConnectionStrings:Redis", "redis:6379,password=hunter2"));

        Assert.Equal("redis:6379,password=hunter2", settings!.Redis);
        Assert.DoesNotContain("hunter2", settings.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OpenAdminListener_NeedsAuthenticationOutsideDevelopment()
    {
        (string, string?)[] open =
        [
            ("Kestrel:Endpoints:Admin:Url", "http://*:8081"), ("IamGateway:Admin:ApiKeys:0:Name", null),
            ("IamGateway:Admin:ApiKeys:0:Sha256", null), ("IamGateway:Admin:ApiKeys:0:Role", null),
        ];

        Assert.StartsWith(
            "Kestrel:Endpoints:Admin:Url: ", Assert.Single(Read("Production", open).Problems),
            StringComparison.Ordinal);
        Assert.Empty(Read("Development", open).Problems);
        foreach (var url in new[] { "http://localhost:8081", "http://127.0.0.1:0", "https://[::1]:8081" })
            Assert.Empty(Read("Production", [("Kestrel:Endpoints:Admin:Url", url), .. open[1..]]).Problems);
    }

    [Theory]
    [InlineData("Production")]
    [InlineData("Development")]
    [InlineData("test")]
    public void Read_RulesOfTheGuaranteeSwitchedOff_IsRefusedOutsideTest(string environment)
    {
        foreach (var rule in Enum.GetValues<ProtocolRule>())
        {
            var setting = ("IamGateway:TestOnly:DisabledRules:0", rule.ToString());

            Assert.StartsWith(
                "IamGateway:TestOnly:DisabledRules: ", Assert.Single(Read(environment, setting).Problems),
                StringComparison.Ordinal);
            Assert.True(Read("Test", setting).Settings!.Options.TestOnly.IsOff(rule));
        }
    }

    [Fact]
    public void Read_DiscoveryConfigured_InstancesNeedNoVersion()
    {
        var (settings, problems) = Read(
            "Production", ($"{Destinations}:old-1:Metadata:Version", null),
            ("IamGateway:Versions:Discovery:Path", "/health"),
            ("IamGateway:Versions:Discovery:JsonField", "version"));

        Assert.Empty(problems);
        Assert.Null(settings!.Instances.Single(i => i.Id == "old-1").Version);
    }

    [Fact]
    public void Read_LifetimeOfARule_IsTakenUpToSessionTtl()
    {
        var (settings, problems) = Read(
            "Production", ("IamGateway:Sessions:0:Lifetime", "00:45:00"), ("IamGateway:Store:SessionTtl", "00:45:00"));

        Assert.Empty(problems);
        Assert.Equal(TimeSpan.FromMinutes(45), Assert.Single(settings!.Sessions.All).Lifetime);
    }

    [Fact]
    public void Read_LifetimesOfOneNameThatDiffer_AreReported()
    {
        var (_, problems) = Read(
            "Production", ("IamGateway:Sessions:1:Name", "session"), ("IamGateway:Sessions:1:Header", "X-Session"),
            ("IamGateway:Sessions:1:Lifetime", "01:00:00"));

        Assert.StartsWith("IamGateway:Sessions:1:Lifetime: ", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LifetimeOfAPreset_IsReported()
    {
        var (_, problems) = Read(
            "Production", ("IamGateway:Sessions:1:Preset", "OpenIdConnect"),
            ("IamGateway:Sessions:1:Lifetime", "01:00:00"));

        Assert.StartsWith("IamGateway:Sessions:1:Lifetime: ", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Preset_StandsForItsRules()
    {
        var (settings, problems) = Read("Production", ("IamGateway:Sessions:1:Preset", "AirlockIam"));

        Assert.Empty(problems);
        Assert.Equal(
            ["session", "airlock-login", "airlock-admin", "airlock-ta", "airlock-env", "airlock-env", "airlock-env"],
            settings!.Sessions.All.Select(r => r.Name));
    }

    private static (GatewaySettings? Settings, IReadOnlyList<string> Problems) Read(
        string environment, params (string Key, string? Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["IamGateway:Sessions:0:Name"] = "session",
            ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
            ["IamGateway:Versions:Initial"] = "8.2.1",
            ["IamGateway:Admin:ApiKeys:0:Name"] = "operations",
            ["IamGateway:Admin:ApiKeys:0:Sha256"] = Hash,
            ["IamGateway:Admin:ApiKeys:0:Role"] = "admin",
            [$"{Destinations}:old-1:Address"] = "http://10.0.0.1:8080",
            [$"{Destinations}:old-1:Metadata:Version"] = "8.2.1",
            [$"{Destinations}:new-1:Address"] = "http://10.0.0.2:8080",
            [$"{Destinations}:new-1:Metadata:Version"] = "8.3.0",
        };
        foreach (var (key, value) in settings)
            all[key] = value;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(all.Where(s => s.Value is not null))
            .Build();
        var problems = new ConfigurationProblems();
        return (GatewaySettingsReader.Read(configuration, environment, problems), problems.Lines);
    }
}
