using CsCheck;
using IamGateway.Sessions;

namespace IamGateway.Tests.Sessions;

public sealed class SessionKeyTests
{
    private static readonly byte[] Secret = new byte[32];

    [Fact]
    public void Of_SameRuleAndValue_IsOneKey() =>
        Assert.Equal(SessionKey.Of(Secret, "session", "abc"), SessionKey.Of(Secret, "session", "abc"));

    [Fact]
    public void Of_AnotherRuleValueOrSecret_IsAnotherKey()
    {
        var key = SessionKey.Of(Secret, "session", "abc");

        Assert.NotEqual(key, SessionKey.Of(Secret, "admin", "abc"));
        Assert.NotEqual(key, SessionKey.Of(Secret, "session", "abd"));
        Assert.NotEqual(key, SessionKey.Of([.. Secret[1..], 1], "session", "abc"));
        Assert.NotEqual(SessionKey.Of(Secret, "ab", "c"), SessionKey.Of(Secret, "a", "bc"));
    }

    [Fact]
    public void Of_LongValue_EveryCharacterCounts()
    {
        var value = new string('x', 20_000);

        Assert.NotEqual(SessionKey.Of(Secret, "session", value), SessionKey.Of(Secret, "session", value[..^1] + "y"));
    }

    [Fact]
    public void ToString_Key_HasHexOnlyAndNothingOfTheValue()
    {
        const string Value = "abcdefabcdef";
        var text = SessionKey.Of(Secret, "session", Value).ToString();

        Assert.Matches("^[0-9a-f]{32}$", text);
        Assert.DoesNotContain(Value, text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("session", text, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_TextAndBytesOfAKey_GiveItBack() => Gen.Byte.Array[SessionKey.Size].Sample(bytes =>
    {
        var key = SessionKey.Read(bytes);
        Assert.True(SessionKey.TryParse(key.ToString(), out var parsed));
        Assert.Equal(key, parsed);
        var written = new byte[SessionKey.Size];
        parsed.Write(written);
        Assert.Equal(bytes, written);
    });

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0123456789abcdef0123456789abcde")]
    [InlineData("0123456789abcdef0123456789abcdef0")]
    [InlineData("0123456789abcdef0123456789abcdeg")]
    [InlineData(" 123456789abcdef0123456789abcdef")]
    [InlineData("0x23456789abcdef0123456789abcdef")]
    public void TryParse_NoKey_Refuses(string? text) => Assert.False(SessionKey.TryParse(text, out _));
}
