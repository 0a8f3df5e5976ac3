using System.Net.Sockets;
using IamGateway.Configuration;

namespace IamGateway;

/// <summary>
/// The verb <c>healthcheck</c>, for containers without a shell: asks the admin listener, exit code 0 when ready.
/// </summary>
internal static class HealthCheck
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (Read(args) is not { } configuration)
            return 1;
        var url = (configuration["Kestrel:Endpoints:Admin:Url"] ?? GatewayHost.DefaultAdminUrl)
            .Replace("*", "localhost", StringComparison.Ordinal)
            .Replace("+", "localhost", StringComparison.Ordinal)
            .Replace("0.0.0.0", "localhost", StringComparison.Ordinal)
            .Replace("[::]", "localhost", StringComparison.Ordinal);
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        try
        {
            using var response = await client.GetAsync(new Uri(new Uri(url), "/health/ready"));
            return response.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            await Console.Error.WriteLineAsync($"{url} does not answer: {e.Message}");
            return 1;
        }
    }

    private static IConfiguration? Read(string[] args)
    {
        try
        {
            return GatewayConfiguration.Build(args);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            var reason = (e.InnerException ?? e).Message.ReplaceLineEndings(" ");
            Console.Error.WriteLine($"The configuration cannot be read: {reason}");
            return null;
        }
    }
}
