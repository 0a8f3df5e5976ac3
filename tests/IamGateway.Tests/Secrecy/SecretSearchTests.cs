namespace IamGateway.Tests.Secrecy;

/// <summary>The search for secrets can fail: what is planted is found, in any form, and nothing else.</summary>
public sealed class SecretSearchTests : IDisposable
{
    private const string Secret = "Zm9v+YmFy/4711==";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iamgw-secrecy-");
    private readonly Secrets _secrets = new();

    public void Dispose() => _folder.Delete(recursive: true);

    private IReadOnlyList<string> Leaks(params string[] texts)
    {
        var outputs = new Outputs(_folder);
        foreach (var text in texts)
            outputs.Of("log").Write(text);
        return outputs.Leaks(_secrets);
    }

    [Theory]
    [InlineData("as it is: Zm9v+YmFy/4711==")]
    [InlineData("in an address: ?code=Zm9v%2BYmFy%2F4711%3D%3D&state=1")]
    [InlineData("in JSON: \"Zm9v\\u002BYmFy/4711==\"")]
    public void Leak_InAnyForm_IsFoundWithItsPlaceAndNotShown(string text)
    {
        _secrets.Add(Secret);

        var leak = Assert.Single(Leaks("first line", text, "last line"));

        Assert.StartsWith(
            $"log of {nameof(SecretSearchTests)}.{nameof(Leak_InAnyForm_IsFoundWithItsPlaceAndNotShown)}: Zm9...",
            leak, StringComparison.Ordinal);
        Assert.Contains(text[..8], leak, StringComparison.Ordinal);
        Assert.DoesNotContain("YmFy", leak, StringComparison.Ordinal);
    }

    [Fact]
    public void Leak_InBytesOfUtf8_IsFound()
    {
        _secrets.Add("passwörter-4711");

        Assert.Single(Leaks("in a store: passwÃ¶rter-4711"));
    }

    [Fact]
    public void Leak_WhereTwoPartsOfALongOutputMeet_IsFound()
    {
        for (var i = 0; i < 40; i++)
            _secrets.Add($"secret-{i:D3}-{new string('x', 40 * i)}-end");
        var parts = Enumerable.Range(0, 40).Select(
            i => $"{new string('.', 99_991)}secret-{i:D3}-{new string('x', 40 * i)}-end");

        Assert.Equal(40, Leaks(string.Concat(parts)).Count);
    }

    [Fact]
    public void Leak_OfOneOfManyThatBeginAlike_IsTheOnlyOne()
    {
        for (var i = 0; i < 100_000; i++)
            _secrets.Add($"session-of-user-{i:D6}");

        var leak = Assert.Single(Leaks("session-of-user-100000; session-of-user-x; session-of-user-099999"));

        Assert.Contains("ses... of 22 characters", leak, StringComparison.Ordinal);
        Assert.Contains("session-of-user-x;", leak, StringComparison.Ordinal);
    }

    [Fact]
    public void NoLeak_OfWhatOnlyBeginsLikeASecret()
    {
        _secrets.Add(Secret);
        _secrets.Add("another-secret");

        Assert.Empty(Leaks(Secret[..^1], "another-secre", "t", ""));
    }

    [Theory]
    [InlineData("")]
    [InlineData("key-of-ann1")]
    [InlineData("aaaaaaaaaaaaaaaabbbbbbbbbbbb")]
    public void Value_ShortOrOfFewCharacters_IsNoSecret(string value)
    {
        Assert.False(_secrets.Add(value));
        Assert.Equal(0, _secrets.Count);
    }

    [Fact]
    public void Value_ThatIsTheSameInEveryForm_IsKeptOnce()
    {
        Assert.True(_secrets.Add("key-of-the-demo"));
        Assert.False(_secrets.Add(" key-of-the-demo "));
        Assert.Equal(1, _secrets.Count);
    }

    [Fact]
    public void Value_ThatIsShownOnPurpose_IsNoLeak()
    {
        _secrets.Add("key-of-the-demo");
        _secrets.Show("key-of-the-demo");

        Assert.Empty(Leaks("key-of-the-demo"));
    }

    // With all that is thrown away when there is more than room was for.
    [Fact]
    public void Secrets_OfALoadOfUsers_TakeLittleRoom()
    {
        const int Count = 200_000;
        var name = "handle-0000000-of-some-user".ToCharArray();
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < Count; i++)
        {
            Assert.True(i.TryFormat(name.AsSpan(7), out _, "D7"));
            Assert.True(_secrets.Add(name));
        }

        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(bytes < 100 * Count, $"{bytes / Count} bytes for each");
    }
}
