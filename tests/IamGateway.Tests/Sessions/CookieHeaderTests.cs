using CsCheck;
using IamGateway.Sessions;

namespace IamGateway.Tests.Sessions;

public sealed class CookieHeaderTests
{
    [Theory]
    [InlineData("a=1", "a=1")]
    [InlineData("a=1; b=2", "a=1|b=2")]
    [InlineData("a=1;b=2", "a=1|b=2")]
    [InlineData(" a = 1 ;  b=2 ", "a=1|b=2")]
    [InlineData("a=\"1\"; b=2", "a=1|b=2")]
    [InlineData("a=\"\"", "a=")]
    [InlineData("a=\"", "a=\"")]
    [InlineData("a=\"1", "a=\"1")]
    [InlineData("a=", "a=")]
    [InlineData("a=b=c==", "a=b=c==")]
    [InlineData("a=1; a=2; a=1", "a=1|a=2|a=1")]
    [InlineData("$Version=1; a=1; $Path=/", "$Version=1|a=1|$Path=/")]
    public void MoveNext_Pairs_AreReadInOrder(string header, string expected) => Assert.Equal(expected, Read(header));

    [Theory]
    [InlineData("")]
    [InlineData(";")]
    [InlineData(";;; ; ")]
    [InlineData("a")]
    [InlineData("=1")]
    [InlineData(" =1")]
    [InlineData("a; b ;c")]
    public void MoveNext_NoPair_FindsNothing(string header) => Assert.Equal("", Read(header));

    [Fact]
    public void MoveNext_BrokenPairsAround_TheGoodOneIsRead() => Assert.Equal("a=1", Read("x; =y;;a=1; z"));

    [Fact]
    public void MoveNext_OversizedHeader_EveryCookieIsSeen()
    {
        var header = string.Join("; ", Enumerable.Range(0, 20_000).Select(i => $"c={i}"));
        var cookies = new CookieHeader(header);
        var count = 0;
        while (cookies.MoveNext())
        {
            Assert.Equal(count, int.Parse(cookies.Value, null));
            count++;
        }

        Assert.Equal(20_000, count);
    }

    [Fact]
    public void MoveNext_HeaderBuiltFromCookies_GivesThemBack()
    {
        var name = Gen.String[Gen.Char.AlphaNumeric, 1, 12];
        var value = Gen.String[Gen.Char["abcXYZ012!#$%&'()*+-./:<=>?@[]^_`{|}~"], 0, 40];
        Gen.Select(name, value).Array[0, 20].Sample(
            cookies =>
            {
                var pairs = cookies.Select(c => $"{c.Item1}={c.Item2}").ToArray();
                Assert.Equal(string.Join('|', pairs), Read(string.Join("; ", pairs)));
            },
            iter: 2000);
    }

    [Fact]
    public void MoveNext_AnyText_EndsAndNamesAreNeverEmpty() => TextGen.Hostile(";= \",").Sample(
        text =>
        {
            var cookies = new CookieHeader(text);
            var count = 0;
            while (cookies.MoveNext())
            {
                Assert.False(cookies.Name.IsEmpty);
                Assert.True(++count <= text.Length);
            }
        },
        iter: 20_000);

    private static string Read(string header)
    {
        var read = new List<string>();
        var cookies = new CookieHeader(header);
        while (cookies.MoveNext())
            read.Add($"{cookies.Name}={cookies.Value}");
        return string.Join('|', read);
    }
}
