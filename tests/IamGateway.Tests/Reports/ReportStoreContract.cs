using System.Text.Json;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Tests.Reports;

/// <summary>What every store of reports does. A test starts with an empty store.</summary>
public abstract class ReportStoreContract : IAsyncLifetime
{
    private protected IReportStore Store { get; private set; } = null!;

    private protected abstract ValueTask<IReportStore> CreateAsync();

    public async ValueTask InitializeAsync() => Store = await CreateAsync();

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private static string Text(IEnumerable<ReplicaReport> reports) =>
        JsonSerializer.Serialize(reports, RoutingJson.Options);

    [Fact]
    public async Task Read_NothingWritten_IsEmpty() => Assert.Empty(await Store.ReadAsync());

    [Fact]
    public async Task Read_TwoReplicas_HasBothWholeInTheOrderOfTheirRegistrations()
    {
        var (first, second) = (SomeReports.Of(3, number: 7), SomeReports.Of(20, number: 1));
        await Store.WriteAsync(second);
        await Store.WriteAsync(first);

        Assert.Equal(Text([first, second]), Text(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Write_SecondReportOfAReplica_ReplacesTheFirst()
    {
        await Store.WriteAsync(SomeReports.Of(3, number: 1));
        await Store.WriteAsync(SomeReports.Of(3, number: 2));

        Assert.Equal(2, Assert.Single(await Store.ReadAsync()).Number);
    }

    [Fact]
    public async Task Remove_SomeReplicas_LeavesTheOthers()
    {
        foreach (var replica in new long[] { 1, 2, 3 })
            await Store.WriteAsync(SomeReports.Of(replica, number: 1));

        await Store.RemoveAsync([1, 3, 99]);

        Assert.Equal(2, Assert.Single(await Store.ReadAsync()).Replica);
    }

    [Fact]
    public async Task Remove_Nobody_ChangesNothing()
    {
        await Store.WriteAsync(SomeReports.Of(1, number: 1));

        await Store.RemoveAsync([]);

        Assert.Single(await Store.ReadAsync());
    }
}
