using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

public sealed class MemoryRoutingStoreTests : RoutingStoreContract
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-state-");

    private string StateFile => Path.Combine(_directory.FullName, "state.json");

    private protected override ValueTask<IRoutingStore> CreateAsync() => new(new MemoryRoutingStore(StateFile));

    public override ValueTask DisposeAsync()
    {
        _directory.Delete(recursive: true);
        return base.DisposeAsync();
    }

    private async Task<RoutingState?> AfterRestartAsync() =>
        (await new MemoryRoutingStore(StateFile).ReadAsync(null)).State;

    [Fact]
    public async Task Restart_StateWritten_IsThereAgainUnderAnotherServer()
    {
        var first = SomeStates.New();
        await Store.TryWriteAsync(null, first, []);
        var second = SomeStates.Next(first);
        await Store.TryWriteAsync(first, second, [SomeStates.Event(1)]);

        AssertSame(second, await AfterRestartAsync());
        // The pins are gone: what is found after a restart is another generation.
        Assert.NotEqual(
            (await Store.ReadAsync(null)).RunIds, (await new MemoryRoutingStore(StateFile).ReadAsync(null)).RunIds);
    }

    [Fact]
    public async Task Restart_RefusedWrite_IsNotInTheFile()
    {
        var state = SomeStates.New();
        await Store.TryWriteAsync(null, state, []);
        await Store.TryWriteAsync(null, SomeStates.New(), []);

        AssertSame(state, await AfterRestartAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"id\":\"a\",\"sequence\":")]
    [InlineData("something else")]
    public async Task Start_FileIsNoRoutingState_IsRefusedAndTheFileStays(string content)
    {
        await File.WriteAllTextAsync(StateFile, content);

        Assert.Throws<InvalidDataException>(() => new MemoryRoutingStore(StateFile));
        Assert.Equal(content, await File.ReadAllTextAsync(StateFile));
    }

    [Fact]
    public async Task Start_FileCutShort_IsRefused()
    {
        await Store.TryWriteAsync(null, SomeStates.New(), []);
        var whole = await File.ReadAllBytesAsync(StateFile);
        foreach (var length in new[] { 1, whole.Length / 2, whole.Length - 1 })
        {
            await File.WriteAllBytesAsync(StateFile, whole[..length]);
            Assert.Throws<InvalidDataException>(() => new MemoryRoutingStore(StateFile));
        }
    }

    [Fact]
    public async Task Start_CrashedBeforeTheRename_HasTheOldStateAndWritesOn()
    {
        var state = SomeStates.New();
        await Store.TryWriteAsync(null, state, []);
        await File.WriteAllTextAsync(StateFile + ".new", "{\"id\":\"half of it");

        AssertSame(state, await AfterRestartAsync());
        var next = SomeStates.Next(state);
        Assert.True(await new MemoryRoutingStore(StateFile).TryWriteAsync(state, next, []));
        AssertSame(next, await AfterRestartAsync());
    }

    [Fact]
    public async Task Write_FileCannotBeWritten_KeepsTheOldStateInMemoryToo()
    {
        var state = SomeStates.New();
        await Store.TryWriteAsync(null, state, []);
        var aside = Directory.CreateDirectory(StateFile + ".new");

        await Assert.ThrowsAnyAsync<Exception>(
            async () => await Store.TryWriteAsync(state, SomeStates.Next(state), [SomeStates.Event(1)]));

        aside.Delete();
        AssertSame(state, (await Store.ReadAsync(null)).State);
        AssertSame(state, await AfterRestartAsync());
        Assert.Empty(await Store.ReadEventsAsync(null, 10));
        Assert.True(await Store.TryWriteAsync(state, SomeStates.Next(state), []));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task Write_NoFileConfigured_KeepsTheStateInMemory(string? file)
    {
        var store = new MemoryRoutingStore(file);
        var state = SomeStates.New();

        Assert.True(await store.TryWriteAsync(null, state, []));

        AssertSame(state, (await store.ReadAsync(null)).State);
        Assert.Empty(_directory.EnumerateFileSystemInfos());
    }
}
