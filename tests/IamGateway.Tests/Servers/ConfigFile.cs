using System.Text.Json;

namespace IamGateway.Tests.Servers;

/// <summary>A file of <c>--config</c> in a folder of its own.</summary>
internal sealed class ConfigFile : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-config-");

    public string Path => System.IO.Path.Combine(_directory.FullName, "gateway.json");

    // As editors and deployment tools do, so that no half of a file is ever seen.
    public void Write(string text)
    {
        var beside = System.IO.Path.Combine(_directory.FullName, "beside");
        File.WriteAllText(beside, text);
        File.Move(beside, Path, overwrite: true);
    }

    public void Write(params (string Key, string Value)[] settings) =>
        Write(JsonSerializer.Serialize(settings.ToDictionary(s => s.Key, s => s.Value)));

    /// <summary>Writes and waits until the gateway has taken it over.</summary>
    public async Task EditAsync(Gateway gateway, params (string Key, string Value)[] settings)
    {
        const string Applied = "iamgateway_reloads_total{source=\"file\",result=\"applied\"}";
        var before = await gateway.MetricAsync(Applied);
        Write(settings);
        await Eventually.UntilAsync(async () => await gateway.MetricAsync(Applied) > before);
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
