using System.Collections.Concurrent;
using System.Text;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Rollouts;

/// <summary>What a webhook, a gate or a check of the schema calls; it answers as the test says.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private Backend? _backend;

    public ConcurrentQueue<(IHeaderDictionary Headers, byte[] Body)> Calls { get; } = new();

    /// <summary>Status and text of the answer to the call of this number, from 1.</summary>
    public Func<int, (int Status, string Text)> Answer { get; set; } = _ => (204, "");

    public Uri Address => _backend!.Address;

    public static async Task<Receiver> StartAsync()
    {
        var receiver = new Receiver();
        receiver._backend = await Backend.StartAsync("", receiver.HandleAsync);
        return receiver;
    }

    private async Task HandleAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        var headers = new HeaderDictionary();
        foreach (var header in http.Request.Headers)
            headers[header.Key] = header.Value;
        Calls.Enqueue((headers, body.ToArray()));
        (http.Response.StatusCode, var text) = Answer(Calls.Count);
        if (text.Length > 0)
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text));
    }

    public ValueTask DisposeAsync() => _backend!.DisposeAsync();
}
