using System.Collections.Immutable;
using System.Text.Json;
using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

/// <summary>What every routing store does. A test starts with an empty store.</summary>
public abstract class RoutingStoreContract : IAsyncLifetime
{
    private protected IRoutingStore Store { get; private set; } = null!;

    private protected abstract ValueTask<IRoutingStore> CreateAsync();

    private ImmutableArray<string> _runIds;

    public async ValueTask InitializeAsync()
    {
        Store = await CreateAsync();
        _runIds = (await Store.ReadAsync(null)).RunIds;
    }

    /// <summary>A state of the generation that this store's server is of.</summary>
    private protected RoutingState New() => SomeStates.New(_runIds);

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>States hold collections, which compare by reference: compared by what is written.</summary>
    private protected static void AssertSame(RoutingState expected, RoutingState? actual) =>
        Assert.Equal(
            JsonSerializer.Serialize(expected, RoutingJson.Options),
            JsonSerializer.Serialize(actual, RoutingJson.Options));

    [Fact]
    public async Task Read_NothingWritten_HasNoStateAndNamesTheServer()
    {
        var stored = await Store.ReadAsync(null);

        Assert.Null(stored.State);
        Assert.NotEmpty(Assert.Single(stored.RunIds));
        Assert.Equal(stored.RunIds, (await Store.ReadAsync(null)).RunIds);
    }

    [Fact]
    public async Task Write_FirstState_IsReadBackWhole()
    {
        var state = SomeStates.New([.. _runIds, "b"]).Register(
            "replica-1", "host:8081", DateTimeOffset.UnixEpoch).State;

        Assert.True(await Store.TryWriteAsync(null, state, []));

        AssertSame(state, (await Store.ReadAsync(null)).State);
        AssertSame(state, (await Store.ReadAsync(New())).State);
    }

    [Fact]
    public async Task Read_NothingChanged_ReturnsTheKnownState()
    {
        var state = New();
        await Store.TryWriteAsync(null, state, []);

        Assert.Same(state, (await Store.ReadAsync(state)).State);
    }

    [Fact]
    public async Task Write_ExpectingAnotherState_IsRefusedAndChangesNothing()
    {
        var state = New();
        await Store.TryWriteAsync(null, state, []);
        var next = SomeStates.Next(state);

        Assert.False(await Store.TryWriteAsync(null, next, [SomeStates.Event(1)]));
        Assert.False(await Store.TryWriteAsync(next, SomeStates.Next(next), [SomeStates.Event(2)]));
        Assert.False(await Store.TryWriteAsync(New(), next, [SomeStates.Event(3)]));

        AssertSame(state, (await Store.ReadAsync(null)).State);
        Assert.Empty(await Store.ReadEventsAsync(null, 10));
    }

    [Fact]
    public async Task Write_ExpectingAStateOfAnEmptyStore_IsRefused() =>
        Assert.False(await Store.TryWriteAsync(New(), New(), []));

    [Fact]
    public async Task Write_ManyAtOnce_OneWins()
    {
        var state = New();
        await Store.TryWriteAsync(null, state, []);
        for (var round = 0; round < 20; round++)
        {
            var candidates = Enumerable.Range(0, 8)
                .Select(i => SomeStates.Next(state) with { Id = $"{round}-{i}" }).ToArray();
            var won = await Task.WhenAll(candidates.Select(c => Task.Run(
                async () => await Store.TryWriteAsync(state, c, [SomeStates.Event(round)]))));

            var winner = candidates[Array.IndexOf(won, true)];
            Assert.Single(won, w => w);
            AssertSame(winner, (await Store.ReadAsync(state)).State);
            state = winner;
        }

        Assert.Equal(20, (await Store.ReadEventsAsync(null, 100)).Count);
    }

    [Fact]
    public async Task Events_Written_AreReadInOrderWithTheirIds()
    {
        await WriteEventsAsync(5);

        var events = await Store.ReadEventsAsync(null, 10);

        Assert.Equal(Enumerable.Range(0, 5).Select(SomeStates.Event), events.Select(e => e with { Id = "" }));
        Assert.Equal(5, events.Select(e => e.Id).Where(id => id.Length > 0).Distinct().Count());
    }

    [Fact]
    public async Task Events_Limited_AreTheLatestAndAfterAnIdTheNext()
    {
        await WriteEventsAsync(7);
        var all = await Store.ReadEventsAsync("", 10);

        Assert.Equal(all.TakeLast(3), await Store.ReadEventsAsync(null, 3));
        Assert.Equal(all.Skip(3).Take(2), await Store.ReadEventsAsync(all[2].Id, 2));
        Assert.Empty(await Store.ReadEventsAsync(all[6].Id, 10));
    }

    // On Redis such an id was an error of the server; three of them cut the gateway off from its store.
    [Theory]
    [InlineData("no-id")]
    [InlineData("1-2-3")]
    [InlineData("99999999999999999999999")]
    [InlineData("-")]
    [InlineData("+")]
    [InlineData("-1")]
    public async Task Events_AfterWhatIsNoId_AreAll(string after)
    {
        await WriteEventsAsync(2);

        for (var i = 0; i < 4; i++)
            Assert.Equal(2, (await Store.ReadEventsAsync(after, 10)).Count);
        Assert.NotNull((await Store.ReadAsync(null)).State);
    }

    [Fact]
    public async Task Events_MoreThanAreKept_LoseTheOldest()
    {
        // Redis cuts whole blocks of the stream only, so a few more than the 10,000 may be there.
        await WriteEventsAsync(10_400);

        var events = await Store.ReadEventsAsync(null, 20_000);

        Assert.InRange(events.Count, 10_000, 10_200);
        Assert.Equal("what.10399", events[^1].What);
    }

    [Fact]
    public async Task Subscribe_StateWritten_CallsBack()
    {
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calledAsWell = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await Store.SubscribeAsync(() => called.TrySetResult());
        await Store.SubscribeAsync(() => calledAsWell.TrySetResult());
        var state = New();

        await Store.TryWriteAsync(New(), state, []);
        Assert.False(called.Task.IsCompleted);
        await Store.TryWriteAsync(null, state, []);

        await Task.WhenAll(called.Task, calledAsWell.Task).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private protected async Task WriteEventsAsync(int count)
    {
        var stored = await Store.ReadAsync(null);
        var state = stored.State is { } found ? SomeStates.Next(found) : New();
        foreach (var page in Enumerable.Range(0, count).Select(SomeStates.Event).Chunk(1000))
        {
            Assert.True(await Store.TryWriteAsync(stored.State, state, page));
            stored = stored with { State = state };
            state = SomeStates.Next(state);
        }
    }
}
