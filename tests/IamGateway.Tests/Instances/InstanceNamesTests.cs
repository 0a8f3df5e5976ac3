using System.Net;
using System.Net.Sockets;
using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Recording;
using IamGateway.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Instances;

public sealed class InstanceNamesTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<string, string[]?> _records = new()
    {
        ["old.iam"] = ["10.0.0.1", "10.0.0.2"],
        ["new.iam"] = ["fd00::7"],
    };

    private readonly GatewaySettings _settings = new(
        new GatewayOptions(),
        [
            Name("old", "old.iam", V1), Name("new", "new.iam", V2),
            new("fixed", new Uri("http://10.0.9.9:8080"), V1),
        ],
        new SessionRules([], []), [], V1, null, null);

    private readonly InstanceTable _table;
    private readonly InstanceNames _names;
    private TaskCompletionSource _asked = new();

    public InstanceNamesTests()
    {
        _table = new InstanceTable(_settings);
        _names = new InstanceNames(
            _table, _settings, ResolveAsync, _time, new GatewayMetrics(), NullLogger<InstanceNames>.Instance);
    }

    private static InstanceOptions Name(string id, string host, VersionId version) =>
        new(id, new Uri($"http://{host}:8080/base"), version, IsName: true);

    public async ValueTask InitializeAsync() => await _names.StartAsync(CancellationToken.None);

    private Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellation)
    {
        if (host == "new.iam")
            Volatile.Read(ref _asked).TrySetResult();
        return _records[host] is { } addresses
            ? Task.FromResult(addresses.Select(IPAddress.Parse).ToArray())
            : throw new SocketException((int)SocketError.TryAgain);
    }

    /// <summary>The next refresh but one has begun, so the next one is through.</summary>
    private async Task RefreshAsync()
    {
        for (var i = 0; i < 2; i++)
        {
            Volatile.Write(ref _asked, new TaskCompletionSource());
            // The clock may be turned before somebody looks at it.
            for (var turns = 0; turns < 2000 && !_asked.Task.IsCompleted; turns++)
            {
                _time.Advance(_settings.Options.Dns.Refresh);
                await Task.WhenAny(_asked.Task, Task.Delay(10));
            }
        }
    }

    private string[] Ids() => [.. _table.All.Select(i => i.Id).Order(StringComparer.Ordinal)];

    [Fact]
    public void Start_EveryAddress_IsAnInstanceOfTheVersionOfItsName()
    {
        Assert.Equal(["fixed", "new-fd00--7", "old-10.0.0.1", "old-10.0.0.2"], Ids());
        var (old, newer) = (_table.Find("old-10.0.0.2")!, _table.Find("new-fd00--7")!);
        Assert.Equal(("http://10.0.0.2:8080/base", V1), (old.Address, old.Version));
        Assert.Equal(("http://[fd00::7]:8080/base", V2), (newer.Address, newer.Version));
        Assert.Equal("old", _table.ResolvedFrom("old-10.0.0.2"));
        Assert.Null(_table.ResolvedFrom("fixed"));
    }

    [Fact]
    public async Task Refresh_RecordsHaveChanged_InstancesComeAndGo()
    {
        _records["old.iam"] = ["10.0.0.2", "10.0.0.3"];

        await RefreshAsync();

        Assert.Equal(["fixed", "new-fd00--7", "old-10.0.0.2", "old-10.0.0.3"], Ids());
    }

    [Fact]
    public async Task Refresh_NothingHasChanged_ChangesNothing()
    {
        var changes = 0;
        _table.Changed += () => changes++;
        _records["old.iam"] = ["10.0.0.2", "10.0.0.1", "10.0.0.1"];

        await RefreshAsync();

        Assert.Equal(0, changes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Refresh_NoAnswerOrNoAddress_KeepsWhatThereWasUntilItIsBack(bool isAnswered)
    {
        _records["old.iam"] = isAnswered ? [] : null;
        await RefreshAsync();
        Assert.Equal(["fixed", "new-fd00--7", "old-10.0.0.1", "old-10.0.0.2"], Ids());

        _records["old.iam"] = ["10.0.0.5"];
        await RefreshAsync();

        Assert.Equal(["fixed", "new-fd00--7", "old-10.0.0.5"], Ids());
    }

    [Fact]
    public async Task Refresh_AddressOfAnotherInstance_IsNoSecondOne()
    {
        _records["new.iam"] = ["10.0.0.1", "10.0.0.8"];

        await RefreshAsync();

        Assert.Equal(["fixed", "new-10.0.0.8", "old-10.0.0.1", "old-10.0.0.2"], Ids());
    }

    [Fact]
    public async Task Configure_NameTakenOutAndAnotherPutIn_ItsInstancesGoAndComeAtOnce()
    {
        _records["other.iam"] = ["10.0.0.6"];

        await _names.ConfigureAsync([Name("old", "old.iam", V1), Name("other", "other.iam", V3)]);

        Assert.Equal(["old-10.0.0.1", "old-10.0.0.2", "other-10.0.0.6"], Ids());
        Assert.Equal(V3, _table.Find("other-10.0.0.6")!.Version);
    }

    public async ValueTask DisposeAsync()
    {
        await _names.StopAsync(CancellationToken.None);
        _names.Dispose();
    }
}
