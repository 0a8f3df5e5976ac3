using System.Text;
using IamGateway.Recording;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Sessions;

public sealed class IssuedBodyTests
{
    private static readonly byte[] Secret = [1, 2, 3];
    private readonly GatewayMetrics _metrics = new();

    private static SessionRules Rules() => new(
        [
            Rule("access", HandleIssue.JsonField, "access_token", "/token"),
            Rule("code", HandleIssue.FormPostField, "code", "/auth"),
        ],
        []);

    private static SessionRule Rule(string name, HandleIssue issue, string field, string issuedAt) =>
        new(name, HandleSource.None, null, null, default, issue, field, issuedAt, null);

    private async Task<(List<Handle>? Issued, byte[] Passed)> ReadAsync(
        string path, string type, byte[] body, string? encoding = null)
    {
        // Comes in pieces and without a length, as a chunked body does.
        var content = new StreamContent(new Pieces(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (encoding is not null)
            content.Headers.ContentEncoding.Add(encoding);
        using var response = new HttpResponseMessage { Content = content };
        var issued = await new IssuedBody(Rules(), _metrics).ReadAsync(
            path, response, Secret, null, CancellationToken.None);
        return (issued, await response.Content.ReadAsByteArrayAsync());
    }

    private async Task AssertAsync(string path, string type, string body, string? rule, string? value)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var (issued, passed) = await ReadAsync(path, type, bytes);
        Assert.Equal(bytes, passed);
        if (value is null)
            Assert.Null(issued);
        else
            Assert.Equal(SessionKey.Of(Secret, rule!, value), Assert.Single(issued!).Key);
    }

    [Theory]
    [InlineData("application/json", "{\"access_token\":\"abc\"}", "abc")]
    [InlineData("application/json; charset=utf-8", "{\"x\":{\"access_token\":\"no\"}}", null)]
    [InlineData("application/json; charset=utf-8", " {\"access_token\":\"a\\u0062c\"}", "abc")]
    [InlineData("application/vnd.x+json", "{\"access_token\":\"abc\"}", "abc")]
    [InlineData("application/json", "{\"access_token\":7}", null)]
    [InlineData("application/json", "[\"access_token\"]", null)]
    [InlineData("application/json", "{\"access_token\":\"abc\"", null)]
    [InlineData("application/json", "", null)]
    [InlineData("text/plain", "{\"access_token\":\"abc\"}", null)]
    public Task Json_TopLevelString_IsTheHandle(string type, string body, string? value) =>
        AssertAsync("/token", type, body, "access", value);

    [Theory]
    [InlineData("<form><input type=\"hidden\" name=\"code\" value=\"a&amp;b\"/></form>", "a&b")]
    [InlineData("<INPUT VALUE='abc' NAME='code'>", "abc")]
    [InlineData("<input name=code value=abc>", "abc")]
    [InlineData("<input name=\"barcode\" value=\"no\">", null)]
    [InlineData("<input data-name=\"code\" value=\"no\">", null)]
    [InlineData("<input name=\"code\">", null)]
    [InlineData("<input name=\"code\" value=\"open", null)]
    public Task Page_HiddenInput_IsTheHandle(string body, string? value) =>
        AssertAsync("/auth/form", "text/html; charset=utf-8", body, "code", value);

    [Theory]
    [InlineData("/tokens")]
    [InlineData("/auth")]
    public Task Json_OtherPath_IsNotRead(string path) =>
        AssertAsync(path, "application/json", "{\"access_token\":\"abc\"}", null, null);

    [Theory]
    [InlineData("/me", "application/json")]
    [InlineData("/token", "text/event-stream")]
    public async Task Body_NoRuleReadsIt_IsNotTouched(string path, string type)
    {
        using var content = new StringContent("{\"access_token\":\"abc\"}", null, type);
        using var response = new HttpResponseMessage { Content = content };

        await new IssuedBody(Rules(), _metrics).ReadAsync(path, response, Secret, null, CancellationToken.None);

        Assert.Same(content, response.Content);
    }

    [Theory]
    [InlineData(64 * 1024, true)]
    [InlineData(64 * 1024 + 1, false)]
    public async Task Json_LargestBody_IsReadAndALargerOnePassedOnWhole(int size, bool isRead)
    {
        var body = Encoding.UTF8.GetBytes("{\"access_token\":\"abc\"}".PadRight(size));

        var (issued, passed) = await ReadAsync("/token", "application/json", body);

        Assert.Equal(body, passed);
        Assert.Equal(isRead, issued is not null);
    }

    [Fact]
    public async Task Json_Encoded_IsPassedOnAndCounted()
    {
        byte[] body = [0x1f, 0x8b, 8, 0, 0, 0];

        var (issued, passed) = await ReadAsync("/token", "application/json", body, "gzip");

        Assert.Null(issued);
        Assert.Equal(body, passed);
        using var exported = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(exported);
        Assert.Contains(
            "iamgateway_handles_ignored_total{reason=\"body_encoded\"} 1",
            Encoding.UTF8.GetString(exported.ToArray()), StringComparison.Ordinal);
    }

    private sealed class Pieces(byte[] body) : MemoryStream(body)
    {
        public override bool CanSeek => false;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, 1000)], cancellationToken);
    }
}
