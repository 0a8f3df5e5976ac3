using CsCheck;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Sessions;

public sealed class SessionRulesTests
{
    private static readonly byte[] Secret = new byte[32];

    [Fact]
    public void Read_SeveralCookiesOfTheName_AllCountOnce()
    {
        var http = Request("/", cookie: ["s=1; other=9; s=2", "s=1; s=\"3\"; S=4"]);

        Assert.Equal([Key("s", "1"), Key("s", "2"), Key("s", "3")], Read(http, Cookie("s")));
    }

    [Theory]
    [InlineData("Bearer t1", "t1")]
    [InlineData("bearer   t1 ", "t1")]
    [InlineData("BEARER t1", "t1")]
    [InlineData("Bearer", null)]
    [InlineData("Bearer ", null)]
    [InlineData("Bearert1", null)]
    [InlineData("Basic t1", null)]
    [InlineData("", null)]
    public void Read_HeaderWithScheme_IsTheTokenAfterIt(string header, string? token)
    {
        var http = Request("/");
        http.Headers.Authorization = header;
        var rule = new SessionRuleOptions { Name = "token", Header = "Authorization", Scheme = "Bearer" };

        Assert.Equal(token is null ? [] : [Key("token", token)], Read(http, rule));
    }

    [Fact]
    public void Read_HeaderTwice_BothCount()
    {
        var http = Request("/");
        http.Headers["X-Session"] = new(["a", " b "]);

        Assert.Equal(
            [Key("s", "a"), Key("s", "b")], Read(http, new SessionRuleOptions { Name = "s", Header = "X-Session" }));
    }

    [Theory]
    [InlineData("?sid=1", "1")]
    [InlineData("?a=2&sid=1", "1")]
    [InlineData("?sid=1&sid=2", "1")]
    [InlineData("?s%69d=a%20b", "a b")]
    [InlineData("?sid=a+b", "a b")]
    [InlineData("?sid=%zz", null)]
    [InlineData("?sid=%4", null)]
    [InlineData("?sid=%zz&sid=2", null)]
    [InlineData("?sid", null)]
    [InlineData("?sid=", null)]
    [InlineData("?SID=1", null)]
    [InlineData("?", null)]
    [InlineData("", null)]
    public void Read_Query_IsTheFirstParameterDecoded(string query, string? value)
    {
        var http = Request("/");
        http.QueryString = new QueryString(query);

        Assert.Equal(
            value is null ? [] : [Key("q", value)], Read(http, new SessionRuleOptions { Name = "q", Query = "sid" }));
    }

    [Theory]
    [InlineData("/auth-login", true)]
    [InlineData("/auth-login/", true)]
    [InlineData("/auth-login/step/2", true)]
    [InlineData("/auth-login2", false)]
    [InlineData("/auth", false)]
    [InlineData("/AUTH-LOGIN", false)]
    [InlineData("/x/auth-login", false)]
    public void Read_RuleWithPath_HoldsSegmentBySegment(string path, bool holds)
    {
        var rule = new SessionRuleOptions { Name = "s", Cookie = "s", Path = "/auth-login/" };

        Assert.Equal(holds ? [Key("s", "1")] : [], Read(Request(path, cookie: "s=1"), rule));
    }

    [Fact]
    public void Read_RulesOfOneCookieOnSeveralPaths_NameDifferentSessions()
    {
        SessionRuleOptions[] rules =
        [
            new() { Name = "user", Cookie = "s", Path = "/login" },
            new() { Name = "admin", Cookie = "s", Path = "/admin" },
        ];

        Assert.Equal([Key("user", "1")], Read(Request("/login", cookie: "s=1"), rules));
        Assert.Equal([Key("admin", "1")], Read(Request("/admin/x", cookie: "s=1"), rules));
    }

    [Fact]
    public void Read_SeveralRules_HandlesStandInTheirOrder()
    {
        var http = Request("/", cookie: "b=2; a=1");

        Assert.Equal([Key("a", "1"), Key("b", "2")], Read(http, Cookie("a"), Cookie("b")));
    }

    [Fact]
    public void Read_FloodOfCookies_IsBounded()
    {
        var http = Request("/", cookie: string.Join("; ", Enumerable.Range(0, 5000).Select(i => $"s={i}")));

        Assert.Equal(16, Read(http, Cookie("s")).Length);
    }

    [Fact]
    public void Read_EmptyValue_IsNoHandle() => Assert.Empty(Read(Request("/", cookie: "s=; s=\"\""), Cookie("s")));

    [Fact]
    public void ReadForm_Field_IsFoundOnItsPathOnly()
    {
        var rules = Rules(new SessionRuleOptions { Name = "code", Form = "code", Path = "/token" });
        var (on, off) = (new GatewayRequest(1), new GatewayRequest(2));

        rules.ReadForm("/token", "grant_type=authorization_code&code=c%2F1&code=c2", on, Secret);
        rules.ReadForm("/other", "code=c1", off, Secret);

        Assert.Equal(Key("code", "c/1"), on[0].Key);
        Assert.Equal((1, 0), (on.HandleCount, off.HandleCount));
    }

    [Theory]
    [InlineData("/public", true)]
    [InlineData("/public/app.css", true)]
    [InlineData("/publications", false)]
    [InlineData("/", false)]
    public void IsStateless_Prefix_HoldsSegmentBySegment(string path, bool expected) =>
        Assert.Equal(expected, new SessionRules([], [new PathString("/public")]).IsStateless(path));

    [Theory]
    [InlineData("?code=a", 1, IgnoredHandles.None)]
    [InlineData("?code=a&code=b", 1, IgnoredHandles.Duplicate)]
    [InlineData("?code=%zz", 0, IgnoredHandles.Undecodable)]
    [InlineData("?c%6fde=a&co+de=b", 1, IgnoredHandles.None)]
    [InlineData("?token=nojwt", 0, IgnoredHandles.Malformed)]
    [InlineData("?token=e30.bm8.x&other=1", 0, IgnoredHandles.Malformed)]
    public void Read_BadParameter_IsAbsentAndNoted(string query, int handles, object ignored)
    {
        var rules = new SessionRules(
            [
                new SessionRule("c", HandleSource.Query, "code", null, default, HandleIssue.None, null, default, null),
                new SessionRule(
                    "t", HandleSource.Query, "token", null, default, HandleIssue.None, null, default,
                    new HandleExtractor(HandleExtractorKind.JwtClaim, "sid", 0)),
            ],
            []);
        var http = new DefaultHttpContext();
        http.Request.QueryString = new QueryString(query);
        var request = new GatewayRequest(1);

        rules.Read(http.Request, request, [1]);

        Assert.Equal((handles, (IgnoredHandles)ignored), (request.HandleCount, request.Ignored));
    }

    [Fact]
    public void FindParameter_BuiltQuery_GivesTheFirstValueBack()
    {
        var text = Gen.String[Gen.Char.AlphaNumeric
            .Select(Gen.Char[" &=+%#äπ/?"], Gen.Bool, (a, b, c) => c ? a : b), 1, 20];
        Gen.Select(text, text, text).Sample(
            (name, first, second) =>
            {
                var key = Uri.EscapeDataString(name);
                var query = $"_={key}&{key}={Uri.EscapeDataString(first)}&{key}={Uri.EscapeDataString(second)}";
                Assert.Equal(first, SessionRules.FindParameter(query, name));
            },
            iter: 2000);
    }

    [Fact]
    public void FindParameter_AnyText_NeverThrows() => TextGen.Hostile("&=%+0aF").Sample(
        text =>
        {
            SessionRules.FindParameter(text, "a");
            SessionRules.FindParameter("a=" + text, "a");
        },
        iter: 10_000);

    [Fact]
    public void Read_AnyHeaders_NeverThrows() => TextGen.Hostile("s=;& \"%").Sample(
        text =>
        {
            var http = Request("/", cookie: text);
            http.Headers.Authorization = text;
            http.QueryString = new QueryString("?" + text);
            Read(
                http, Cookie("s"), new() { Name = "h", Header = "Authorization", Scheme = "s" },
                new() { Name = "q", Query = "s", Extract = "SignedRoute" });
        },
        iter: 3000);

    private static SessionRuleOptions Cookie(string name) => new() { Name = name, Cookie = name };

    private static SessionKey Key(string rule, string value) => SessionKey.Of(Secret, rule, value);

    private static HttpRequest Request(string path, params string[] cookie)
    {
        var http = new DefaultHttpContext().Request;
        http.Path = path;
        if (cookie.Length > 0)
            http.Headers.Cookie = new(cookie);
        return http;
    }

    private static SessionRules Rules(params SessionRuleOptions[] options)
    {
        var problems = new ConfigurationProblems();
        var rules = SessionRulesReader.Read(
            [.. options], "IamGateway:Sessions", TimeSpan.FromHours(12), problems);
        Assert.Empty(problems.Lines);
        return new SessionRules(rules, []);
    }

    private static SessionKey[] Read(HttpRequest http, params SessionRuleOptions[] rules)
    {
        var request = new GatewayRequest(1);
        Rules(rules).Read(http, request, Secret);
        return [.. Enumerable.Range(0, request.HandleCount).Select(i => request[i].Key)];
    }
}
