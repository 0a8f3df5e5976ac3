using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Tests.Pins;

public abstract partial class PinStoreContract
{
    private static readonly SessionKey Rotated = Some.Key(7);
    private static readonly SessionKey Stray = Some.Key(8);

    private ValueTask PlaceAsync(SessionKey name, string instance) => Store.PlaceAsync(Some.Steady, name, instance);

    private async Task WriteAsync(StoreWriteKind kind, SessionKey name, string? instance = null) =>
        await Store.ApplyAsync(Some.Steady, [new StoreWrite(kind, name, Instance: instance)]);

    [Fact]
    public async Task Place_UnderAnyNameOfTheSession_IsThatOfAllItsNames()
    {
        await OldSessionAsync(Session);
        await Store.LinkAsync(Some.Steady, Rotated, Session);
        await PlaceAsync(Rotated, "a");

        Assert.Equal(["a", "a"], [await PlaceOfAsync(Session), await PlaceOfAsync(Rotated)]);
        Assert.Null(await PlaceOfAsync(Stray));

        await WriteAsync(StoreWriteKind.Place, Session, "b");
        Assert.Equal("b", await PlaceOfAsync(Rotated));
    }

    /// <summary>A record made for it would prove what nobody knows.</summary>
    [Fact]
    public async Task Place_SessionWithoutRecord_MakesNone()
    {
        await PlaceAsync(Session, "a");
        Assert.Null(await Store.FindAsync(Session));

        await Store.LinkAsync(Some.Steady, Session, Stray);
        await OldSessionAsync(Stray);

        Assert.Equal((1, 5000, 0), await SeenAsync(Session));
        Assert.Equal(ClaimOutcome.Alias, (await ClaimAsync(Some.Rollout, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task Replace_InstanceThatIsGone_LeadsEverybodyToTheSame()
    {
        await PlaceAsync(Session, "gone");

        Assert.Equal("b", await ReplaceAsync("b", "gone"));
        Assert.Equal("b", await ReplaceAsync("c", "gone"));
        Assert.Equal("b", await PlaceOfAsync(Session));
        Assert.Equal("c", await ReplaceAsync("c", "b"));
    }

    [Fact]
    public async Task Replace_SessionThatIsNotKnownAnyMore_WritesNothing()
    {
        Assert.Null(await ReplaceAsync("b", "gone"));
        Assert.Null(await PlaceOfAsync(Session));
    }

    [Fact]
    public async Task PlaceAgain_OnlyWhereNothingIsKnown_IsWritten()
    {
        await PlaceAsync(Session, "later");
        await WriteAsync(StoreWriteKind.PlaceAgain, Session, "before");
        await WriteAsync(StoreWriteKind.PlaceAgain, Stray, "before");

        Assert.Equal(["later", "before"], [await PlaceOfAsync(Session), await PlaceOfAsync(Stray)]);
    }

    [Fact]
    public async Task PlaceEnd_UnderARotatedName_ForgetsThePlaceAndNothingElse()
    {
        await OldSessionAsync(Session);
        await Store.LinkAsync(Some.Steady, Rotated, Session);
        await PlaceAsync(Session, "a");

        await WriteAsync(StoreWriteKind.PlaceEnd, Rotated);

        Assert.Null(await PlaceOfAsync(Session));
        Assert.Equal((1, 5000, 0), await SeenAsync(Rotated));
    }

    [Fact]
    public async Task Place_NotUsedForSessionTtl_IsGoneAndARefreshKeepsIt()
    {
        await PlaceAsync(Session, "a");
        await PlaceAsync(Stray, "a");
        await AgeAsync(TimeSpan.FromHours(11));
        await WriteAsync(StoreWriteKind.PlaceRefresh, Session);
        await WriteAsync(StoreWriteKind.PlaceRefresh, Some.Key(9));
        await AgeAsync(TimeSpan.FromHours(2));

        Assert.Equal("a", await PlaceOfAsync(Session));
        Assert.Null(await PlaceOfAsync(Stray));
        Assert.Equal(new Dictionary<string, long> { ["a"] = 1 }, await CountPlacesAsync());
    }

    [Fact]
    public async Task CountPlaces_SomeSessionsAndNames_CountsSessionsByInstance()
    {
        for (var i = 1; i <= 3; i++)
        {
            await OldSessionAsync(Some.Key(i));
            await Store.LinkAsync(Some.Steady, Some.Key(10 + i), Some.Key(i));
            await PlaceAsync(Some.Key(10 + i), i == 3 ? "b" : "a-\u00e4.1");
        }

        Assert.Equal(new Dictionary<string, long> { ["a-\u00e4.1"] = 2, ["b"] = 1 }, await CountPlacesAsync());
        Assert.Equal(new Dictionary<int, long> { [1] = 3 }, await Store.CountAsync(CancellationToken.None));
    }

    private ValueTask<string?> PlaceOfAsync(SessionKey name) => Store.PlaceOfAsync(name);

    private ValueTask<string?> ReplaceAsync(string instance, string instead) =>
        Store.ReplaceAsync(Some.Steady, Session, instance, instead);

    private ValueTask<IReadOnlyDictionary<string, long>> CountPlacesAsync() =>
        Store.CountPlacesAsync(CancellationToken.None);
}
