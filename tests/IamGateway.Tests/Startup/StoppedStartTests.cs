using IamGateway.Configuration;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace IamGateway.Tests.Startup;

public sealed class StoppedStartTests
{
    /// <summary>Fault: SIGTERM while the admin listener started ended with an unhandled exception.</summary>
    [Fact]
    public async Task Start_ToldToStopMeanwhile_EndsWithoutAProblem()
    {
        var problems = new ConfigurationProblems();
        var settings = new Dictionary<string, string?>
        {
            ["ReverseProxy:Clusters:iam:Destinations:a:Address"] = "http://127.0.0.1:9",
            ["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = "8.2.1",
        };

        var started = await GatewayHost.StartAsync(
            Gateway.Arguments([], settings), problems, TimeProvider.System,
            services => services.Insert(0, ServiceDescriptor.Singleton<IHostedService, StopsAtOnce>()));

        Assert.Null(started);
        Assert.Empty(problems.Lines);
    }

    private sealed class StopsAtOnce(IHostApplicationLifetime lifetime) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            lifetime.StopApplication();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
