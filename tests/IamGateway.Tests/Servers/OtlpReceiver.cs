using System.Text;
using IamGateway.Tests.Secrecy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace IamGateway.Tests.Servers;

/// <summary>Takes traces as a collector does (OTLP, http/protobuf), and keeps their bytes.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly StringBuilder _received = new();
    private readonly Output? _output = OutputWatch.Current?.Outputs.Of("traces");

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>Everything that came, a character for each byte.</summary>
    public string Received
    {
        get
        {
            lock (_received)
                return _received.ToString();
        }
    }

    /// <summary>What sends a gateway's traces here, a few times a second.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _app.Urls.First(),
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
    };

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(["--urls=http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.MapPost("/v1/traces", receiver.TakeAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    private async Task TakeAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        var text = Encoding.Latin1.GetString(body.ToArray());
        _output?.Write(text);
        lock (_received)
            _received.Append(text).Append('\n');
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
