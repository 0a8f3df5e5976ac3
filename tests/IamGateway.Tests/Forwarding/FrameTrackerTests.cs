using System.Buffers.Binary;
using CsCheck;
using IamGateway.Forwarding;

namespace IamGateway.Tests.Forwarding;

public sealed class FrameTrackerTests
{
    /// <summary>A frame on the wire, and what the tracker must make of it.</summary>
    private sealed record Frame(byte[] Bytes, bool IsControl, bool IsFinal, bool IsClose);

    private static readonly Gen<int> Lengths = Gen.Frequency(
        (4, Gen.Int[0, 130]), (2, Any(0, 125, 126, 127, 65_535, 65_536)), (1, Gen.Int[126, 70_000]));

    private static readonly Gen<Frame> Frames =
        from kind in Gen.Frequency((6, Any(0, 1, 2)), (2, Any(9, 10)))
        from length in Lengths
        from isMasked in Gen.Bool
        from isFinal in Gen.Bool
        select Write(kind, kind < 8 ? length : length % 126, isMasked, isFinal || kind >= 8);

    private static Frame Write(int opcode, int length, bool isMasked, bool isFinal)
    {
        List<byte> bytes = [(byte)((isFinal ? 0x80 : 0) | opcode)];
        var mask = isMasked ? 0x80 : 0;
        if (length < 126)
        {
            bytes.Add((byte)(mask | length));
        }
        else
        {
            var wide = new byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(wide, (ulong)length);
            bytes.Add((byte)(mask | (length > ushort.MaxValue ? 127 : 126)));
            bytes.AddRange(length > ushort.MaxValue ? wide : wide[6..]);
        }

        // Bytes that would themselves be headers, to catch a tracker that is out of step.
        bytes.AddRange(Enumerable.Repeat((byte)0x88, (isMasked ? 4 : 0) + length));
        return new Frame([.. bytes], opcode >= 8, isFinal, opcode == 8);
    }

    /// <summary>The places behind which no message is open.</summary>
    private static HashSet<int> Boundaries(IEnumerable<Frame> frames)
    {
        var (all, at, isOpen) = (new HashSet<int> { 0 }, 0, false);
        foreach (var frame in frames)
        {
            at += frame.Bytes.Length;
            if (!frame.IsControl)
                isOpen = !frame.IsFinal;
            if (!isOpen)
                all.Add(at);
        }

        return all;
    }

    private static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    [Fact]
    public void Advance_FramesInAnyPieces_FindsEveryEndOfAMessageAndNoOther() =>
        Gen.Select(Frames.List[1, 12], Gen.Int[1, 20_000].List[1, 30]).Sample((frames, pieces) =>
        {
            var bytes = frames.SelectMany(f => f.Bytes).ToArray();
            var boundaries = Boundaries(frames);
            var tracker = new FrameTracker();
            var (at, piece) = (0, 0);
            while (at < bytes.Length)
            {
                var count = Math.Min(pieces[piece++ % pieces.Count], bytes.Length - at);
                var end = tracker.Advance(bytes.AsSpan(at, count));
                var last = boundaries.Where(b => b > at && b <= at + count).DefaultIfEmpty(at).Max();
                Assert.Equal(last - at, end);
                at += count;
                Assert.Equal(boundaries.Contains(at), tracker.IsBetweenMessages);
            }

            Assert.False(tracker.HasClose);
        });

    [Fact]
    public void Advance_ByteByByte_FindsTheSame() => Frames.List[1, 6].Sample(frames =>
    {
        var boundaries = Boundaries(frames);
        var tracker = new FrameTracker();
        foreach (var (index, one) in frames.SelectMany(f => f.Bytes).Index())
        {
            Assert.Equal(boundaries.Contains(index + 1) ? 1 : 0, tracker.Advance([one]));
            Assert.Equal(boundaries.Contains(index + 1), tracker.IsBetweenMessages);
        }
    });

    [Fact]
    public void Advance_LengthOf63Bits_IsNotTheEnd()
    {
        var tracker = new FrameTracker();
        tracker.Advance([0x82, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255]);

        Assert.Equal(0, tracker.Advance(new byte[100_000]));
        Assert.False(tracker.IsBetweenMessages);
    }

    [Fact]
    public void Advance_CloseAmongTheFragmentsOfAMessage_IsSeen()
    {
        var tracker = new FrameTracker();
        tracker.Advance(Write(1, 10, false, isFinal: false).Bytes);
        Assert.False(tracker.HasClose);

        tracker.Advance([0x88, 0x02]);

        Assert.True(tracker.HasClose);
    }
}
