using System.Text.Json;
using IamGateway.Configuration;
using IamGateway.Routing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Routing;

public sealed class StoredHashKeyTests
{
    private const string Setting = "0123456789abcdef0123456789abcdef";

    [Fact]
    public void With_NoSetting_IsWhatTheStoreHas()
    {
        var stored = StoredHashKey.Create(null);

        Assert.Equal(Convert.FromBase64String(stored.Part), stored.With(null));
        Assert.Null(stored.Check);
    }

    [Fact]
    public void With_Setting_IsTheSameForAllWhoHaveItAndNotWhatTheStoreHas()
    {
        var stored = StoredHashKey.Create(Setting);

        var key = stored.With(Setting)!;

        Assert.Equal(32, key.Length);
        Assert.Equal(key, new StoredHashKey(stored.Part, stored.Check).With(Setting));
        Assert.NotEqual(Convert.FromBase64String(stored.Part), key);
        // The part counts, too: two sites with one secret share no names.
        Assert.NotEqual(key, StoredHashKey.Create(Setting).With(Setting));
    }

    [Theory]
    [InlineData(Setting, null)]
    [InlineData(null, Setting)]
    [InlineData(Setting, "0123456789abcdef0123456789abcdeF")]
    [InlineData(Setting, Setting + "\n")]
    public void With_AnotherSetting_IsNoKeyAtAll(string? made, string? here)
    {
        var stored = StoredHashKey.Create(made);

        Assert.Null(stored.With(here));
        Assert.False(stored.IsOf(here));
        Assert.True(stored.IsOf(made));
    }

    [Fact]
    public void Check_OfASetting_IsShortAndPartOfNoSecret()
    {
        var stored = StoredHashKey.Create(Setting);
        var key = Convert.ToHexStringLower(stored.With(Setting)!);

        Assert.Matches("^[0-9a-f]{16}$", stored.Check!);
        Assert.DoesNotContain(stored.Check!, key, StringComparison.Ordinal);
        Assert.NotEqual(stored.Check, StoredHashKey.Create(Setting).Check);
    }

    [Fact]
    public void Json_NoSetting_IsTheTextThatItAlwaysWas()
    {
        var stored = StoredHashKey.Create(null);
        var json = JsonSerializer.Serialize(stored, RoutingJson.Options);

        Assert.Equal($"\"{stored.Part}\"", json);
        Assert.Equal(stored, JsonSerializer.Deserialize<StoredHashKey>(json, RoutingJson.Options));
    }

    /// <summary>A gateway of before, which takes the text for the whole key, must not get past reading it.</summary>
    [Fact]
    public void Json_Setting_IsNoTextAndHoldsNeitherSettingNorKey()
    {
        var stored = StoredHashKey.Create(Setting);
        var json = JsonSerializer.Serialize(stored, RoutingJson.Options);

        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<string>(json, RoutingJson.Options));
        Assert.DoesNotContain(Setting, json, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(stored.With(Setting)!), json, StringComparison.Ordinal);
        Assert.Equal(stored, JsonSerializer.Deserialize<StoredHashKey>(json, RoutingJson.Options));
    }

    [Theory]
    [InlineData("7")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("\"not base64\"")]
    [InlineData("{\"part\":\"AAAA\"}")]
    [InlineData("{\"check\":\"00\"}")]
    [InlineData("{\"part\":\"not base64\",\"check\":\"00\"}")]
    public void Json_NoHashKey_Refuses(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<StoredHashKey>(json, RoutingJson.Options));

    [Fact]
    public void ToString_HashKey_ShowsNothing() =>
        Assert.DoesNotContain(StoredHashKey.Create(Setting).Part, $"{StoredHashKey.Create(Setting)}",
            StringComparison.Ordinal);

    [Theory]
    [InlineData(null)]
    [InlineData("another one")]
    public void View_OfAnotherSetting_CannotBeMade(string? setting)
    {
        var state = RoutingState.Create([V1], V1, [], Now, Setting);

        Assert.Equal(state.HashKey.With(Setting), View(state, Setting).Secret);
        Assert.Throws<InvalidOperationException>(() => View(state, setting));
    }

    private static RoutingView View(RoutingState state, string? setting) => new(
        state, null, new GatewayOptions { Store = new StoreOptions { CachedNames = 100, HashKey = setting } });
}
