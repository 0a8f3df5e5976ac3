using System.Collections;
using System.Collections.Immutable;
using System.Text.Json;
using IamGateway.Routing;
using IamGateway.Tests.Rollouts;
using static IamGateway.Tests.Routing.States;
using RolloutRecord = IamGateway.Rollouts.Rollout;

namespace IamGateway.Tests.Routing;

public sealed class RoutingJsonTests
{
    public static TheoryData<string> Names => [.. Examples().Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void RoundTrip_State_IsEqualInEveryField(string name)
    {
        var state = Examples()[name];

        var read = JsonSerializer.Deserialize<RoutingState>(
            JsonSerializer.Serialize(state, RoutingJson.Options), RoutingJson.Options)!;

        foreach (var property in typeof(RoutingState).GetProperties().Where(p => p.CanWrite))
        {
            var (written, back) = (property.GetValue(state), property.GetValue(read));
            Assert.True(AreEqual(written, back), $"{property.Name} was {Text(written)} and came back as {Text(back)}.");
        }
    }

    [Fact]
    public void Examples_Together_FillEveryField()
    {
        // Otherwise the round trip of a field could be lost unseen.
        var examples = Examples().Values;
        foreach (var property in typeof(RoutingState).GetProperties().Where(p => p.CanWrite))
        {
            Assert.Contains(examples, s => property.GetValue(s) switch
            {
                null or false => property.PropertyType == typeof(bool),
                ICollection c => c.Count > 0,
                _ => true,
            });
        }
    }

    [Fact]
    public void Read_FieldsOfALaterVersion_AreSkipped()
    {
        var json = JsonSerializer.Serialize(Rollout(), RoutingJson.Options);

        var read = JsonSerializer.Deserialize<RoutingState>($"{{\"later\":[1,{{}}],{json[1..]}", RoutingJson.Options);

        Assert.Equal("8.2.1=90 8.3.0=10", read!.Weights());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"id\":\"x\"}")]
    [InlineData("{\"versions\":[{\"version\":\"8.2\"}]}")]
    public void Read_NoState_Refuses(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<RoutingState>(json, RoutingJson.Options));

    private static Dictionary<string, RoutingState> Examples()
    {
        var full = Rollout().SetInstance(
            "new-1", o => o with { Address = "http://10.1.0.1", Version = V2, Draining = true }, Now)
            .SetInstance("old-1", o => o with { Draining = true }, Now)
            .EndSession("00112233445566778899aabbccddeeff")
            .Learn(new KnownFingerprint("new-1", "0011223344556677", V2));
        return new Dictionary<string, RoutingState>
        {
            ["created"] = RoutingState.Create([V1], V1, [], Now),
            ["created-with-a-hash-key"] = RoutingState.Create([V1], V1, [], Now, "of the configuration"),
            ["steady"] = Steady(),
            ["flush"] = Steady().Set((V1, 90), (V2, 10)),
            ["prepare"] = Steady().Set((V1, 90), (V2, 10)).AcknowledgeAll(),
            ["regenerated"] = Rollout().Regenerate(["run-2"]),
            ["revoked"] = Revoked(),
            ["settled"] = Revoked().Settle(Now) with { MigrateExisting = false },
            ["full"] = full.Forget(full.Replicas[0].Id).Remove(full.Replicas[1].Id, Now),
            ["rollout"] = SomeRollouts.Holding() with { RecordedSince = Now },
            ["rollout-ended"] = SomeRollouts.Aborted(),
        };
    }

    private static bool AreEqual(object? a, object? b) => (a, b) switch
    {
        (null, null) => true,
        (null, _) or (_, null) => false,
        (StoreGeneration x, StoreGeneration y) =>
            x with { RunIds = [] } == y with { RunIds = [] } && x.RunIds.SequenceEqual(y.RunIds),
        (IDictionary x, IDictionary y) =>
            x.Count == y.Count && x.Keys.Cast<object>().All(k => y.Contains(k) && Equals(x[k], y[k])),
        (string, string) => Equals(a, b),
        // Their collections compare by reference.
        (RolloutRecord, RolloutRecord) or (ImmutableArray<RolloutRecord>, ImmutableArray<RolloutRecord>) =>
            Text(a) == Text(b),
        (IEnumerable x, IEnumerable y) => x.Cast<object>().SequenceEqual(y.Cast<object>()),
        _ => Equals(a, b),
    };

    private static string Text(object? value) => JsonSerializer.Serialize(value, RoutingJson.Options);
}
