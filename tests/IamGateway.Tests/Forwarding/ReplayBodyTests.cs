using CsCheck;
using IamGateway.Forwarding;

namespace IamGateway.Tests.Forwarding;

public sealed class ReplayBodyTests
{
    [Fact]
    public Task Read_BrokenOffAndRewoundAtAnyPlaces_IsTheWholeBodyInTheEnd() =>
        Gen.Select(Gen.Byte.Array[0, 3000], Gen.Int[1, 700].Array[1, 8], Gen.Int[0, 5].Array[0, 4])
            .SampleAsync(async (bytes, sizes, attempts) =>
            {
                using var body = new ReplayBody(new MemoryStream(bytes));
                foreach (var reads in attempts)
                {
                    await ReadAsync(body, sizes, reads);
                    Assert.True(body.TryRewind());
                }

                Assert.Equal(bytes, await ReadAsync(body, sizes, int.MaxValue));
            });

    [Fact]
    public async Task TryRewind_MoreThanTheBoundWasRead_IsFalseAndTheRestIsStillRead()
    {
        var bytes = new byte[ReplayBody.MaxBytes + 10];
        new Random(1).NextBytes(bytes);
        using var body = new ReplayBody(new MemoryStream(bytes));

        Assert.Equal(bytes, await ReadAsync(body, [1000], int.MaxValue));
        Assert.False(body.TryRewind());
    }

    private static async Task<byte[]> ReadAsync(ReplayBody body, int[] sizes, int reads)
    {
        var output = new MemoryStream();
        for (var i = 0; i < reads; i++)
        {
            var buffer = new byte[sizes[i % sizes.Length]];
            var count = await body.ReadAsync(buffer);
            if (count == 0)
                break;
            output.Write(buffer, 0, count);
        }

        return output.ToArray();
    }
}
