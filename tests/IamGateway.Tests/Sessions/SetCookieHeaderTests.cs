using CsCheck;
using IamGateway.Sessions;

namespace IamGateway.Tests.Sessions;

public sealed class SetCookieHeaderTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("s=1", "s", "1")]
    [InlineData("s=1; Path=/; HttpOnly; Secure; SameSite=Lax", "s", "1")]
    [InlineData(" s = \"1\" ;Path=/", "s", "1")]
    [InlineData("s=", "s", "")]
    [InlineData("s=a=b", "s", "a=b")]
    [InlineData("s=1;;;=;Max-Age", "s", "1")]
    public void TryParse_NameAndValue_AreReadAndLive(string header, string name, string value)
    {
        Assert.True(SetCookieHeader.TryParse(header, Now, out var cookie));
        Assert.Equal(name, cookie.Name.ToString());
        Assert.Equal(value, cookie.Value.ToString());
        Assert.False(cookie.Expires);
    }

    [Theory]
    [InlineData("")]
    [InlineData(";")]
    [InlineData("s")]
    [InlineData("=1")]
    [InlineData(" =1; Max-Age=0")]
    [InlineData("s; Max-Age=0")]
    [InlineData("; s=1")]
    public void TryParse_NoNameOrNoEquals_Refuses(string header) =>
        Assert.False(SetCookieHeader.TryParse(header, Now, out _));

    [Theory]
    [InlineData("Max-Age=0")]
    [InlineData("Max-Age=-1")]
    [InlineData("max-age = 0")]
    [InlineData("MAX-AGE=0; Path=/")]
    [InlineData("Path=/; Max-Age=0")]
    [InlineData("Expires=Thu, 01 Jan 1970 00:00:00 GMT")]
    [InlineData("expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/")]
    [InlineData("Expires=Thu, 01-Jan-70 00:00:01 GMT")]
    [InlineData("Expires=Sun, 01 Mar 2026 12:00:00 GMT")]
    [InlineData("Max-Age=0; Expires=Fri, 01 Jan 2038 00:00:00 GMT")]
    [InlineData("Expires=Fri, 01 Jan 2038 00:00:00 GMT; Max-Age=0")]
    [InlineData("Max-Age=soon; Expires=Thu, 01 Jan 1970 00:00:00 GMT")]
    public void Expires_Deletion_IsTrue(string attributes)
    {
        Assert.True(SetCookieHeader.TryParse($"s=gone; {attributes}", Now, out var cookie));
        Assert.True(cookie.Expires);
    }

    [Theory]
    [InlineData("Max-Age=1")]
    [InlineData("Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT")]
    [InlineData("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=3600")]
    [InlineData("Expires=Fri, 01 Jan 2038 00:00:00 GMT")]
    [InlineData("Expires=Sun, 01 Mar 2026 12:00:01 GMT")]
    [InlineData("Expires=whenever")]
    [InlineData("Expires=")]
    [InlineData("Max-Age=")]
    [InlineData("Max-Age=soon")]
    [InlineData("X-Max-Age=0")]
    public void Expires_NoDeletion_IsFalse(string attributes)
    {
        Assert.True(SetCookieHeader.TryParse($"s=1; {attributes}", Now, out var cookie));
        Assert.False(cookie.Expires);
    }

    [Fact]
    public void TryParse_AnyText_NeverThrows() => TextGen.Hostile(";=, -:\"").Sample(
        text => { SetCookieHeader.TryParse(text, Now, out _); }, iter: 10_000);

    [Fact]
    public void TryParse_AnyAttributes_NameAndValueStay() => TextGen.Hostile(";=, -:\"").Sample(
        text =>
        {
            Assert.True(SetCookieHeader.TryParse($"s=1; {text}; Expires={text}; Max-Age={text}", Now, out var cookie));
            Assert.Equal("s=1", $"{cookie.Name}={cookie.Value}");
        },
        iter: 5_000);
}
