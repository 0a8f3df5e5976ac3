using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Tests.Pins;

public abstract partial class PinStoreContract
{
    private static readonly ClaimTerms Lifetimes = Some.Rollout with { HasLifetimes = true };
    private static readonly TimeSpan Short = TimeSpan.FromMinutes(10);
    private static readonly SessionKey Code = Some.Key(2);
    private static readonly SessionKey Token = Some.Key(3);

    /// <summary>Lets every entry be so much older.</summary>
    private protected abstract Task AgeAsync(TimeSpan time);

    /// <summary>A name whose link waits for its caller, or one that is queued.</summary>
    private async Task NameAsync(bool isQueued, SessionKey name, SessionKey target, TimeSpan? lifetime = null)
    {
        if (isQueued)
            await Store.ApplyAsync(Lifetimes, [Some.Link(name, target) with { Lifetime = lifetime }]);
        else
            Assert.True(await Store.LinkAsync(Lifetimes, name, target, lifetime));
    }

    private async Task<SessionKey?> RootAsync(SessionKey name) => (await Store.FindAsync(name))?.Root;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Lifetime_OfAName_IsWhatTheStoreKeepsItForAndTheRecordStays(bool isQueued)
    {
        await OldSessionAsync(Session);
        await NameAsync(isQueued, Code, Session, Short);
        await NameAsync(isQueued, Token, Session);

        await AgeAsync(Short - TimeSpan.FromMinutes(1));
        Assert.Equal(Session, await RootAsync(Code));
        await AgeAsync(TimeSpan.FromMinutes(1));

        Assert.Null(await RootAsync(Code));
        Assert.Equal(Session, await RootAsync(Token));
        Assert.Equal((1, 5000, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Lifetime_NameThatIsUsed_StartsAnewAndStaysThatOfItsKind()
    {
        await OldSessionAsync(Session);
        await NameAsync(true, Code, Session, Short);
        for (var i = 0; i < 3; i++)
        {
            await AgeAsync(Short - TimeSpan.FromMinutes(1));
            await Store.ApplyAsync(Lifetimes, [Some.Refresh(Code) with { Lifetime = Short }]);
        }

        await AgeAsync(Short - TimeSpan.FromMinutes(1));
        Assert.Equal(Session, await RootAsync(Code));
        await AgeAsync(TimeSpan.FromMinutes(1));
        Assert.Null(await RootAsync(Code));
        Assert.NotNull(await RootAsync(Session));
    }

    [Fact]
    public async Task Lifetime_Refreshed_NeverShortensWhatIsKeptLonger()
    {
        await OldSessionAsync(Session);
        await NameAsync(true, Token, Session);

        await Store.ApplyAsync(Lifetimes, [Some.Refresh(Token) with { Lifetime = Short }]);
        await NameAsync(true, Token, Session, Short);
        await AgeAsync(2 * Short);

        Assert.Equal(Session, await RootAsync(Token));
    }

    // A token whose code is forgotten would lead nowhere and go to the newest version, while the cookie of its session
    // is still below.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Lifetime_NameMadeUnderOneThatGoesEarlier_StaysWithItsSession(bool isQueued)
    {
        await OldSessionAsync(Session);
        await NameAsync(isQueued, Code, Session, Short);
        await NameAsync(isQueued, Token, Code);

        await AgeAsync(2 * Short);

        Assert.Null(await RootAsync(Code));
        Assert.Equal(Session, await RootAsync(Token));
    }

    // One replica hands the code out and has its name queued still when another one hands out the token.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Lifetime_NameMadeUnderOneThatComesLate_StaysWithItsSession(bool isQueued)
    {
        await OldSessionAsync(Session);
        await NameAsync(isQueued, Token, Code);
        await NameAsync(isQueued, Code, Session, Short);

        await AgeAsync(2 * Short);
        Assert.Equal(Session, await RootAsync(Token));
        await Store.ApplyAsync(Lifetimes, [Some.Refresh(Token)]);
        await AgeAsync(Lifetimes.SessionTtl - TimeSpan.FromMinutes(1));

        Assert.Equal(Session, await RootAsync(Token));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Lifetime_NamesInOneBatchInAnyOrder_StayWithTheirSession(bool isCodeFirst)
    {
        await OldSessionAsync(Session);
        StoreWrite[] writes = [Some.Link(Code, Session) with { Lifetime = Short }, Some.Link(Token, Code)];

        await Store.ApplyAsync(Lifetimes, isCodeFirst ? writes : [.. writes.Reverse()]);
        await AgeAsync(2 * Short);

        Assert.Equal(Session, await RootAsync(Token));
    }

    [Fact]
    public async Task Lifetime_TokenRefreshedBeforeItsCodeIsThere_StaysWithItsSession()
    {
        var whole = Lifetimes.SessionTtl - TimeSpan.FromMinutes(1);
        await NameAsync(true, Token, Code);
        await AgeAsync(whole);
        await Store.ApplyAsync(Lifetimes, [Some.Refresh(Token)]);
        await AgeAsync(2 * Short);
        await OldSessionAsync(Session);
        await NameAsync(true, Code, Session, Short);

        await AgeAsync(2 * Short);

        Assert.Equal(Session, await RootAsync(Token));
    }

    [Fact]
    public async Task Lifetime_NamesWrittenAtTheSameTime_StayWithTheirSessions()
    {
        await Task.WhenAll(Enumerable.Range(0, 300).Select(async i =>
        {
            var (session, code, token) = (Some.Key(3 * i), Some.Key(3 * i + 1), Some.Key(3 * i + 2));
            await OldSessionAsync(session);
            await Task.WhenAll(
                NameAsync(i % 2 == 0, token, code), NameAsync(i % 3 == 0, code, session, Short));
        }));

        await AgeAsync(2 * Short);

        for (var i = 0; i < 300; i++)
            Assert.Equal(Some.Key(3 * i), await RootAsync(Some.Key(3 * i + 2)));
    }

    [Fact]
    public async Task Lifetime_RecordOfASessionNobodySawBegin_IsShortUnlessItIsUsed()
    {
        var used = Some.Key(4);
        await ClaimAsync(Some.Rollout, Some.Claim(Session));
        await ClaimAsync(Some.Rollout, Some.Claim(used));

        await AgeAsync(Some.Rollout.UnknownTtl - TimeSpan.FromMinutes(1));
        Assert.NotNull(await SeenAsync(Session));
        await Store.ApplyAsync(Some.Rollout, [Some.Refresh(used)]);
        await AgeAsync(TimeSpan.FromMinutes(1));

        Assert.Null(await SeenAsync(Session));
        Assert.Equal((2, 5000, 0), await SeenAsync(used));
    }
}
