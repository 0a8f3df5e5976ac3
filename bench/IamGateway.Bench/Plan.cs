using IamGateway.Bench.Servers;

namespace IamGateway.Bench;

/// <summary>Which subjects meet under which load.</summary>
internal sealed record Plan(Load.Load Load, int Connections, List<Func<Subject>> Subjects)
{
    private static readonly (string Name, Func<Subject> Create)[] All =
    [
        Of(PlainSubject.Yarp),
        Of(PlainSubject.Forwarder),
        Of(() => new GatewaySubject("gateway-steady-memory", Stage.Steady, inMemory: true)),
        Of(() => new GatewaySubject("gateway-steady-redis", Stage.Steady)),
        Of(() => new GatewaySubject("gateway-steady-redis-2", Stage.Steady, replicas: 2)),
        Of(() => new GatewaySubject("gateway-steady-rules", Stage.Steady, rules: true)),
        Of(() => new GatewaySubject("gateway-mid-memory", Stage.MidRollout, inMemory: true)),
        Of(() => new GatewaySubject("gateway-mid-redis", Stage.MidRollout)),
        Of(() => new GatewaySubject("gateway-mid-redis-2", Stage.MidRollout, replicas: 2)),
        Of(() => new GatewaySubject("gateway-mid-redis-cold", Stage.Cold)),
        Of(() => new GatewaySubject("gateway-mid-redis-finals", Stage.Finals)),
        Of(() => new GatewaySubject("gateway-mid-redis-old", Stage.Old)),
        Of(PlainSubject.HaproxyCookie),
        Of(PlainSubject.HaproxyTable),
        Of(PlainSubject.Nginx),
        Of(PlainSubject.NginxLua),
    ];

    private static readonly string[] Few =
        ["yarp", "gateway-steady-redis", "gateway-mid-redis", "haproxy-table", "nginx", "nginx-lua-redis"];

    private static readonly string[] Quickest = ["yarp", "forwarder", "gateway-steady-redis", "gateway-mid-redis"];

    private static readonly string[] OfTokens = ["yarp", "gateway-steady-rules"];

    private static (string Name, Func<Subject> Create) Of(Func<Subject> create)
    {
        using var one = create();
        return (one.Name, create);
    }

    public static IEnumerable<Plan> Make(BenchOptions options)
    {
        if (options.Loads.Length > 0 || options.Connections > 0)
        {
            foreach (var load in options.Loads is [] ? ["100B"] : options.Loads)
            {
                yield return One(
                    options, load, options.Connections > 0 ? options.Connections : 32,
                    load == "token" ? OfTokens : options.Quick ? Quickest : options.Only is null ? Few : null);
            }

            yield break;
        }

        if (options.Quick)
        {
            yield return One(options, "100B", 32, options.Only is null ? Quickest : null);
            yield break;
        }

        yield return One(options, "100B", 32, null);
        yield return One(options, "100B", 256, Few);
        yield return One(options, "16KB", 32, Few);
        yield return One(options, "16KB", 256, Few);
        yield return One(options, "100B", 1000, ["yarp", "gateway-steady-redis"]);
        yield return One(options, "token", 32, OfTokens);
    }

    private static Plan One(BenchOptions options, string load, int connections, string[]? names) => new(
        Bench.Load.Load.Of(load), connections,
        [
            .. All.Where(s => s.Name == "yarp"
                || (names is null || names.Contains(s.Name)) && options.Only?.IsMatch(s.Name) != false)
                .SelectMany(s => s.Name.StartsWith("gateway", StringComparison.Ordinal) && options.Other is { } other
                    ? [s.Create, () => ((GatewaySubject)s.Create()).Of(other)]
                    : (Func<Subject>[])[s.Create]),
        ]);
}
