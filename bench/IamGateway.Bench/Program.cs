using IamGateway.Bench;
using IamGateway.Bench.Micro;

switch (args)
{
    case ["yarp", var port, .. var instances]:
        return await BareHost.RunYarpAsync(port, instances);
    case ["forwarder", var port, .. var instances]:
        return await BareHost.RunForwarderAsync(port, instances[0]);
    case ["micro", .. var rest]:
        return MicroBenchmarks.Run(rest);
    case ["sessions", .. var rest]:
        {
            using var run = new SessionCountRun(BenchOptions.Parse(rest));
            return await run.RunAsync();
        }

    default:
        {
            using var run = new BenchRun(BenchOptions.Parse(args));
            return await run.RunAsync();
        }
}
