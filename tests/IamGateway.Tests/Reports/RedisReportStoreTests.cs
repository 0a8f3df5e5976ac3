using IamGateway.Pins;
using IamGateway.Reports;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Reports;

public sealed class RedisReportStoreTests(RedisServer server) : ReportStoreContract, IClassFixture<RedisServer>
{
    private RedisConnection _redis = null!;

    private protected override async ValueTask<IReportStore> CreateAsync()
    {
        _redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        return new RedisReportStore(_redis);
    }

    public override async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await base.DisposeAsync();
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"replica\":1,\"number\":5,\"instances\":[],\"versions\":[]}")]
    public async Task Read_EntryThatIsNoReport_HasTheOthers(string entry)
    {
        await Store.WriteAsync(SomeReports.Of(1, number: 1));
        await _redis.Database.HashSetAsync(_redis.ReportsKey, 2, entry);

        Assert.Equal(1, Assert.Single(await Store.ReadAsync()).Replica);
    }

    [Fact]
    public async Task Count_ReportsAreThere_CountsNoneOfThemAsASession()
    {
        await Store.WriteAsync(SomeReports.Of(1, number: 1));
        var pins = new RedisPinStore(_redis, new IamGateway.Recording.GatewayMetrics(), TimeProvider.System);

        Assert.Empty(await pins.CountAsync(CancellationToken.None));
    }
}
