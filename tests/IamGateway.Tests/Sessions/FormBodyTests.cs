using System.IO.Pipelines;
using System.Text;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Tests.Sessions;

public sealed class FormBodyTests
{
    private const string Form = "application/x-www-form-urlencoded";

    [Theory]
    [InlineData(Form, null, true)]
    [InlineData(Form + "; charset=utf-8", 10L, true)]
    [InlineData("Application/X-WWW-Form-Urlencoded", (long)FormBody.MaxBytes, true)]
    [InlineData(Form, FormBody.MaxBytes + 1L, false)]
    [InlineData("application/json", 10L, false)]
    [InlineData("multipart/form-data; boundary=x", 10L, false)]
    [InlineData(null, 10L, false)]
    public void IsForm_TypeAndLength_Decide(string? type, long? length, bool expected)
    {
        var http = new DefaultHttpContext().Request;
        http.ContentType = type;
        http.ContentLength = length;

        Assert.Equal(expected, FormBody.IsForm(http));
    }

    [Fact]
    public void IsForm_EncodedBody_IsNotLookedInto()
    {
        var http = new DefaultHttpContext().Request;
        http.ContentType = Form;
        http.Headers.ContentEncoding = "gzip";

        Assert.False(FormBody.IsForm(http));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(1000, 1)]
    [InlineData(1000, 7)]
    [InlineData(FormBody.MaxBytes - 1, 4096)]
    [InlineData(FormBody.MaxBytes, 4096)]
    [InlineData(FormBody.MaxBytes, FormBody.MaxBytes)]
    public async Task PeekAsync_BodyUpToTheLimitInChunks_IsReadAndForwardedByteForByte(int size, int chunk)
    {
        var body = Body(size);
        var (http, writing) = Start(body, chunk);

        var text = await FormBody.PeekAsync(http);

        Assert.Equal(Encoding.UTF8.GetString(body), text);
        Assert.Equal(body, await ReadAsync(http.Request.Body));
        await writing;
    }

    [Theory]
    [InlineData(FormBody.MaxBytes + 1, 4096)]
    [InlineData(FormBody.MaxBytes + 1, FormBody.MaxBytes + 1)]
    [InlineData(300_000, 5000)]
    [InlineData(300_000, 300_000)]
    public async Task PeekAsync_BodyOverTheLimit_IsForwardedByteForByteUnread(int size, int chunk)
    {
        var body = Body(size);
        var (http, writing) = Start(body, chunk);

        var text = await FormBody.PeekAsync(http);

        Assert.Null(text);
        Assert.Equal(body, await ReadAsync(http.Request.Body));
        await writing;
    }

    [Fact]
    public async Task PeekAsync_BodyOverTheLimit_DoesNotWaitForItsEnd()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var http = Context(pipe.Reader);
        await pipe.Writer.WriteAsync(Body(FormBody.MaxBytes + 1));

        Assert.Null(await FormBody.PeekAsync(http));
    }

    [Fact]
    public async Task PeekAsync_OverTheLimitReadWithEmptyBuffer_LosesNothing()
    {
        var body = Body(FormBody.MaxBytes + 100);
        var (http, writing) = Start(body, 1000);
        await FormBody.PeekAsync(http);

        Assert.Equal(0, await http.Request.Body.ReadAsync(Memory<byte>.Empty));
        Assert.Equal(body, await ReadAsync(http.Request.Body));
        await writing;
    }

    private static byte[] Body(int size)
    {
        var body = Encoding.ASCII.GetBytes("code=c1&padding=".PadRight(Math.Max(size, 16), 'x'))[..size];
        for (var i = 16; i < size; i++)
            body[i] = (byte)('a' + i % 26);
        return body;
    }

    private static (HttpContext Http, Task Writing) Start(byte[] body, int chunk)
    {
        // No back-pressure below the limit, as with Kestrel's 1 MB buffer.
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19));
        return (Context(pipe.Reader), WriteAsync(pipe.Writer, body, chunk));
    }

    private static async Task WriteAsync(PipeWriter writer, byte[] body, int chunk)
    {
        for (var i = 0; i < body.Length; i += chunk)
        {
            await writer.WriteAsync(body.AsMemory(i, Math.Min(chunk, body.Length - i)));
            await Task.Yield();
        }

        await writer.CompleteAsync();
    }

    private static DefaultHttpContext Context(PipeReader reader)
    {
        var http = new DefaultHttpContext();
        http.Features.Set<IRequestBodyPipeFeature>(new BodyPipe(reader));
        http.Request.ContentType = Form;
        return http;
    }

    private static async Task<byte[]> ReadAsync(Stream body)
    {
        using var copy = new MemoryStream();
        await body.CopyToAsync(copy);
        return copy.ToArray();
    }

    private sealed class BodyPipe(PipeReader reader) : IRequestBodyPipeFeature
    {
        public PipeReader Reader { get; } = reader;
    }
}
