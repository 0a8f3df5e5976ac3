using System.Collections.Immutable;
using CsCheck;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Sessions;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Pins;

/// <summary>The rules are written twice; whatever is done to both stores, both answer and hold the same.</summary>
public sealed class PinStoreDifferenceTests(RedisServer server) : IClassFixture<RedisServer>
{
    private const int Names = 4;
    private int _nextName;

    private static readonly ImmutableArray<ClaimTerms> Terms =
    [
        Some.Steady,
        Some.Prepare,
        Some.Rollout,
        Some.Rollout with { Cut = 5000 },
        Some.All,
        // Closing, generation not acknowledged, revoking, revoked.
        Some.All with { RaiseTo = 2, Newest = 2, Cut = 10_000 },
        Some.All with { GenerationAcknowledged = false },
        Some.Rollout with { Newest = 1, RaiseTo = 0, UnknownWaits = true },
        Some.Rollout with { Newest = 1, Final = 0, RaiseTo = 0, UnknownEnds = true, Revoked = [2] },
        Some.Rollout with { Newest = 2, Top = 3, Final = 0, RaiseTo = 0 },
        Some.All with { Newest = 3, Top = 3, Final = 3, RaiseTo = 3 },
    ];

    private static readonly Gen<ClaimTerms> AnyTerms = Gen.Select(
        Gen.Int[0, Terms.Length - 1], Gen.Frequency((5, Gen.Const("a1")), (1, Gen.Const("b2"))), Gen.Bool,
        (index, generation, fewer) => Terms[index] with
        {
            Generation = generation,
            Replicas = fewer ? [1] : [1, 2],
            HasLifetimes = true,
            // Pauses pass in one of the stores only.
            UnknownTtl = Some.Rollout.SessionTtl,
        });

    private static readonly Gen<LeaseId> AnyLease = Gen.Select(
        Gen.OneOf(Gen.Const(1L), Gen.Const(2L), Gen.Const(3L), Gen.Const(10L)), Gen.Long[1, 3],
        (replica, request) => new LeaseId(replica, request));

    private static readonly Gen<Step> AnyStep = Gen.Select(
        Gen.Frequency(
            (4, Gen.Const(Call.Claim)), (3, Gen.Const(Call.Claims)), (2, Gen.Const(Call.Lease)),
            (1, Gen.Const(Call.Link)), (1, Gen.Const(Call.Replace)), (6, Gen.Const(Call.Write))),
        AnyTerms, Gen.Int[0, Names - 1], Gen.Int[0, Names - 1], AnyLease, Gen.Int[0, 3], Gen.Int[0, 63],
        Gen.OneOf(Gen.Const(0), Gen.Const(1), Gen.Const(5_000), Gen.Const(300_000), Gen.Const(900_000)),
        (call, terms, name, target, lease, ordinal, bits, pause) =>
            new Step(call, terms, name, target, lease, ordinal, bits, pause));

    [Fact]
    public async Task BothStores_TheSameCalls_GiveTheSameAnswersAndHoldTheSame()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 3, 14, 0, 0, TimeSpan.Zero));
        await using var redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        var inMemory = new MemoryPinStore(time, int.MaxValue, new GatewayMetrics());
        var inRedis = new RedisPinStore(redis, new GatewayMetrics(), time);

        await AnyStep.Array[1, 30].SampleAsync(
            async steps =>
            {
                // Fresh names instead of fresh stores.
                var first = _nextName += Names;
                for (var i = 0; i < steps.Length; i++)
                {
                    time.Advance(TimeSpan.FromMilliseconds(steps[i].Pause));
                    var before = await LookAsync(inMemory, first);
                    Assert.Equal(await RunAsync(inMemory, steps[i], first), await RunAsync(inRedis, steps[i], first));
                    var after = await LookAsync(inMemory, first);
                    Assert.Equal(after, await LookAsync(inRedis, first));
                    Assert.Equal(await PlacesAsync(inMemory, first), await PlacesAsync(inRedis, first));
                    Assert.Equal(await HeldAsync(inMemory, steps[i], first), await HeldAsync(inRedis, steps[i], first));
                    AssertNoPinWentDown(before, after);
                }
            },
            iter: 600, threads: 1,
            print: steps => string.Join('\n', steps.Select(s => s.ToString())));
    }

    private static void AssertNoPinWentDown(SessionRecord?[] before, SessionRecord?[] after)
    {
        foreach (var (was, now) in before.Zip(after))
        {
            Assert.True(was is null || now is null || was.Root != now.Root || now.Pin >= was.Pin);
            Assert.True(was is null || now is null || was.Root != now.Root || now.Bucket == was.Bucket);
        }
    }

    private static async Task<SessionRecord?[]> LookAsync(IPinStore store, int first)
    {
        var found = new SessionRecord?[Names];
        for (var i = 0; i < Names; i++)
        {
            // Ages differ: one store reckons with the test's time, the other with the server's.
            if (await store.FindAsync(Some.Key(first + i)) is { } record)
                found[i] = record with { Age = TimeSpan.Zero };
        }

        return found;
    }

    private static async Task<string?[]> PlacesAsync(IPinStore store, int first)
    {
        var found = new string?[Names];
        for (var i = 0; i < Names; i++)
            found[i] = await store.PlaceOfAsync(Some.Key(first + i));
        return found;
    }

    private static ValueTask<bool[]> HeldAsync(IPinStore store, Step step, int first) => store.AreHeldAsync(
        step.Terms,
        [
            .. Enumerable.Range(0, Names * 3).Select(
                i => new HeldLease(Some.Key(first + i % Names), step.Lease, 1 + i / Names)),
        ]);

    private static async Task<object?> RunAsync(IPinStore store, Step step, int first)
    {
        var name = Some.Key(first + step.Name);
        var target = Some.Key(first + step.Target);
        switch (step.Call)
        {
            case Call.Claim:
                return await store.ClaimAsync(step.Terms, Claim(step, name, step.Bits));
            case Call.Claims:
                // At once: those behind the first one go together, in this order.
                ValueTask<ClaimReply>[] claims =
                [
                    .. Enumerable.Range(0, Names + 1).Select(i => store.ClaimAsync(
                        step.Terms, Claim(step, Some.Key(first + (step.Name + i) % Names), step.Bits * (i + 1) % 64))),
                ];
                var replies = new List<ClaimReply>();
                foreach (var claim in claims)
                    replies.Add(await claim);
                return string.Join('\n', replies);
            case Call.Lease:
                return await store.LeaseAsync(
                    step.Terms, name, (step.Bits & 3) == 0 ? null : step.Lease, Math.Max(step.Ordinal, 1),
                    step.Bits * 150);
            case Call.Link:
                return await store.LinkAsync(step.Terms, name, target, step.Lifetime);
            case Call.Replace:
                return await store.ReplaceAsync(step.Terms, name, $"i{step.Bits & 3}", $"i{step.Ordinal}");
            default:
                var kind = (StoreWriteKind)(step.Bits % 9);
                var ordinal = kind == StoreWriteKind.Refresh ? step.Ordinal : Math.Max(step.Ordinal, 1);
                var write = new StoreWrite(
                    kind, name, target, ordinal, step.Bits * 150, step.Lease, step.Lifetime, $"i{step.Ordinal}");
                await store.ApplyAsync(step.Terms, [write]);
                return null;
        }
    }

    private static ClaimRequest Claim(Step step, SessionKey name, int bits) => new(
        name, step.Lease, bits * 150, Must: (bits & 3) == 0, MayRaise: (bits & 12) != 0, Hold: (bits & 16) != 0,
        Former: (bits & 32) != 0 ? Some.Lease(step.Ordinal) : null);

    private enum Call
    {
        Claim,
        Claims,
        Lease,
        Link,
        Replace,
        Write,
    }

    private sealed record Step(
        Call Call, ClaimTerms Terms, int Name, int Target, LeaseId Lease, int Ordinal, int Bits, int Pause)
    {
        // Longer than any history, as one store reckons with the test's time.
        public TimeSpan? Lifetime => (Bits & 32) == 0 ? null : TimeSpan.FromHours(11);
    }
}
