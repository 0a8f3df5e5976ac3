using System.Net;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using IamGateway.Tests.Admin;

namespace IamGateway.Tests.WebConsole;

/// <summary>The page's files and the headers that they go with.</summary>
public sealed class ConsoleFilesTests(AdminServer server) : IClassFixture<AdminServer>
{
    private const string Folder = "src/IamGateway/WebConsole/Files";
    private const int MaxLines = 400;
    private const int MaxColumns = 120;

    /// <summary>SHA-256 of what uplot 1.6.32 has under dist/ and of its licence.</summary>
    private static readonly Dictionary<string, string> Vendored = new()
    {
        ["uPlot.iife.min.js"] = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        ["uPlot.min.css"] = "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
        ["LICENSE"] = "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    };

    private static IEnumerable<string> Own() => Directory
        .EnumerateFiles(Repository.Path(Folder), "*", SearchOption.AllDirectories)
        .Where(f => !f.Contains("vendor", StringComparison.Ordinal));

    public static TheoryData<string> Paths() =>
    [
        .. Directory.EnumerateFiles(Repository.Path(Folder), "*", SearchOption.AllDirectories)
            .Where(f => Path.HasExtension(f))
            .Select(f => "/" + Path.GetRelativePath(Repository.Path(Folder), f).Replace('\\', '/'))
            .Select(p => p == "/index.html" ? "/" : p),
    ];

    [Theory, MemberData(nameof(Paths))]
    public async Task File_OfThePage_IsServedWithATypeAndATag(string path)
    {
        using var client = new HttpClient { BaseAddress = server.Gateway.AdminAddress };

        using var response = await client.GetAsync(path);

        var file = Path.Combine(Repository.Path(Folder), path == "/" ? "index.html" : path[1..]);
        Assert.Equal(await File.ReadAllBytesAsync(file), await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(
            Path.GetExtension(file) switch
            {
                ".html" => "text/html",
                ".css" => "text/css",
                ".js" => "text/javascript",
                _ => "image/svg+xml",
            },
            response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-cache", response.Headers.CacheControl?.ToString());
        Assert.False(response.Headers.ETag!.IsWeak);

        using var again = new HttpRequestMessage(HttpMethod.Get, path);
        again.Headers.IfNoneMatch.Add(response.Headers.ETag);
        using var unchanged = await client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        Assert.Empty(await unchanged.Content.ReadAsByteArrayAsync());
        Assert.Equal(response.Headers.ETag, unchanged.Headers.ETag);
    }

    [Fact]
    public async Task Page_Headers_LetNothingInThatIsNotItsOwn()
    {
        using var client = new HttpClient { BaseAddress = server.Gateway.AdminAddress };

        using var response = await client.GetAsync("/");

        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy")).Split("; ");
        Assert.Contains("default-src 'none'", policy);
        Assert.Contains("script-src 'self'", policy);
        Assert.Contains("style-src 'self'", policy);
        Assert.Contains("connect-src 'self'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.Contains("base-uri 'none'", policy);
        Assert.Contains("form-action 'self'", policy);
        Assert.Contains("require-trusted-types-for 'script'", policy);
        Assert.DoesNotContain(policy, p => p.Contains("unsafe", StringComparison.Ordinal)
            || p.Contains('*', StringComparison.Ordinal) || p.Contains("http", StringComparison.Ordinal));
        AssertSafe(response);
    }

    [Theory]
    [InlineData("/api/v1/status")]
    [InlineData("/api/v1/nothing")]
    [InlineData("/metrics")]
    [InlineData("/health/live")]
    public async Task OtherAnswers_Headers_MakeNoPageOfThem(string path)
    {
        using var response = await server.SendAsync("GET", path);

        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Equal("default-src 'none'; base-uri 'none'; frame-ancestors 'none'", policy);
        Assert.Contains("no-store", response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        AssertSafe(response);
    }

    private static void AssertSafe(HttpResponseMessage response)
    {
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("same-origin", Assert.Single(response.Headers.GetValues("Cross-Origin-Resource-Policy")));
        Assert.Equal("same-origin", Assert.Single(response.Headers.GetValues("Cross-Origin-Opener-Policy")));
    }

    [Fact]
    public async Task Page_OnTheProxyListener_IsNotThere()
    {
        using var client = new HttpClient { BaseAddress = server.Gateway.Proxy };

        using var page = await client.GetAsync("/js/main.js");

        Assert.NotEqual(HttpStatusCode.OK, page.StatusCode);
        Assert.DoesNotContain("IamGateway console", await client.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_AskedForByHead_HasTheHeadersOnly()
    {
        using var response = await server.SendAsync("HEAD", "/", role: "none");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(response.Content.Headers.ContentLength > 1000);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Page_PostedTo_IsNotServed()
    {
        using var response = await server.SendAsync("POST", "/", role: "none");

        Assert.NotEqual(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public void Files_OfUplot_AreThoseOfThePackage()
    {
        var folder = Repository.Path($"{Folder}/vendor/uplot");
        var hashes = Directory.EnumerateFiles(folder).ToDictionary(
            f => Path.GetFileName(f), f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f))));

        Assert.Equal(Vendored.OrderBy(v => v.Key), hashes.OrderBy(h => h.Key));
    }

    [Fact]
    public void Files_OfOurs_AreShortAndNarrow() => Assert.All(Own(), file =>
    {
        var lines = File.ReadAllLines(file);
        Assert.True(lines.Length <= MaxLines, $"{file} is too long.");
        Assert.DoesNotContain(lines, l => l.Length > MaxColumns && !file.EndsWith(".svg", StringComparison.Ordinal));
    });

    [Theory]
    [InlineData(@"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function")]
    [InlineData(@"\sstyle=|\son[a-z]+=""|<style|javascript:")]
    [InlineData(@"localStorage|sessionStorage|document\.cookie|indexedDB")]
    [InlineData(@"(src|href)=""(https?:)?//|from '(https?:)?//|url\(")]
    public void Files_OfOurs_HaveNothingThatThePolicyIsAgainst(string pattern) => Assert.DoesNotContain(
        Own().Where(f => !f.EndsWith(".svg", StringComparison.Ordinal)),
        f => Regex.IsMatch(File.ReadAllText(f), pattern));
}
