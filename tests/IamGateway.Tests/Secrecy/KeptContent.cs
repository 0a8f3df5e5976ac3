using System.Net;
using System.Text;

namespace IamGateway.Tests.Secrecy;

/// <summary>The body of a response, of which a copy is kept when it is read.</summary>
internal sealed class KeptContent : HttpContent
{
    private readonly HttpContent _content;
    private readonly Output _output;

    public KeptContent(HttpContent content, Output output)
    {
        (_content, _output) = (content, output);
        foreach (var (name, values) in content.Headers.NonValidated)
            Headers.TryAddWithoutValidation(name, values);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        await stream.WriteAsync(await ReadAsync(cancellationToken), cancellationToken);

    protected override Task<Stream> CreateContentReadStreamAsync() =>
        CreateContentReadStreamAsync(CancellationToken.None);

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        new MemoryStream(await ReadAsync(cancellationToken));

    private async Task<byte[]> ReadAsync(CancellationToken cancellation)
    {
        var bytes = await _content.ReadAsByteArrayAsync(cancellation);
        _output.Write(Encoding.UTF8.GetString(bytes));
        return bytes;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _content.Headers.ContentLength ?? 0;
        return _content.Headers.ContentLength is not null;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _content.Dispose();
        base.Dispose(disposing);
    }
}
