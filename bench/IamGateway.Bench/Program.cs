using IamGateway.Bench;
using IamGateway.Bench.Micro;

return args switch
{
    ["yarp", var port, .. var instances] => await BareHost.RunYarpAsync(port, instances),
    ["forwarder", var port, .. var instances] => await BareHost.RunForwarderAsync(port, instances[0]),
    ["micro", .. var rest] => MicroBenchmarks.Run(rest),
    ["sessions", .. var rest] => await new SessionCountRun(BenchOptions.Parse(rest)).RunAsync(),
    _ => await new BenchRun(BenchOptions.Parse(args)).RunAsync(),
};
