using System.Text;
using CsCheck;
using IamGateway.Forwarding;

namespace IamGateway.Tests.Forwarding;

public sealed class EventTrackerTests
{
    private static readonly Gen<string> Ends = Any("\n", "\r\n", "\r");

    private static readonly Gen<string> Events =
        from lines in Any("data: x", "id: 7", ":", ": ping", "event").List[1, 4]
        from end in Ends
        select string.Concat(lines.Select(l => l + end)) + end;

    private static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    [Fact]
    public void Advance_EventsInAnyPieces_FindsTheEndOfTheLastOne() =>
        Gen.Select(Events.List[1, 5], Any("", "data: half", "data: line\n", "da"), Gen.Int[1, 7])
            .Sample((events, rest, piece) =>
            {
                var whole = string.Concat(events);
                var bytes = Encoding.ASCII.GetBytes(whole + rest);
                var tracker = new EventTracker();
                var last = 0;
                for (var at = 0; at < bytes.Length; at += piece)
                {
                    var end = tracker.Advance(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
                    if (end > 0)
                        last = at + end;
                }

                Assert.Equal(whole.Length, last);
                Assert.Equal(rest.Length == 0, tracker.IsBetweenEvents);
            });

    [Theory]
    [InlineData("data: 1\n\n", true)]
    [InlineData("data: 1\r\n\r\n", true)]
    [InlineData("data: 1\r\r", true)]
    [InlineData("data: 1\r\n", false)]
    [InlineData("data: 1\n", false)]
    [InlineData("data: 1", false)]
    [InlineData("", true)]
    public void IsBetweenEvents_AfterThisText_Is(string text, bool expected)
    {
        var tracker = new EventTracker();
        tracker.Advance(Encoding.ASCII.GetBytes(text));

        Assert.Equal(expected, tracker.IsBetweenEvents);
    }
}
