using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// Claims. While one is under way those that come meanwhile gather, and go together in the next call: both sides pay
/// for a call and little for what is in it. Redis carries them out one after the other, as if each had come alone.
/// </summary>
internal sealed partial class RedisPinStore
{
    private const int MaxGathered = 200;
    private const int ClaimSize = 4;
    private readonly Lock _claims = new();
    private readonly Queue<GatheredClaim> _gathered = new();
    private bool _isAsking;

    public ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request)
    {
        // Its keys lie in different slots.
        if (_redis.IsCluster)
            return AskAloneAsync(terms, request);
        var claim = new GatheredClaim(terms, request, _time.GetTimestamp());
        lock (_claims)
        {
            _gathered.Enqueue(claim);
            if (_isAsking)
                return new ValueTask<ClaimReply>(claim.Task);
            _isAsking = true;
        }

        _ = AskForGatheredAsync();
        return new ValueTask<ClaimReply>(claim.Task);
    }

    private async ValueTask<ClaimReply> AskAloneAsync(ClaimTerms terms, ClaimRequest request)
    {
        var answer = AnswerOf((await AskAsync(terms, [request]))[0]);
        return answer.Error is null ? answer.Reply : throw answer.Error;
    }

    private async Task AskForGatheredAsync()
    {
        var claims = Take();
        var asking = AnswersAsync(claims);
        while (claims.Length > 0)
        {
            var answers = await asking;
            // On their way before the others go on.
            var next = Take();
            asking = AnswersAsync(next);
            // One of them goes on here.
            for (var i = 1; i < claims.Length; i++)
            {
                ThreadPool.UnsafeQueueUserWorkItem(
                    static a => a.Claim.Set(a.Answer), (Claim: claims[i], Answer: answers[i]), preferLocal: true);
            }

            claims[0].Set(answers[0]);
            claims = next;
        }
    }

    /// <summary>
    /// The next ones that go together: of one state and not too many, or too late. None: nothing is under way now.
    /// </summary>
    private GatheredClaim[] Take()
    {
        lock (_claims)
        {
            var claims = _gathered.TakeWhile(IsLikeTheFirst).Take(MaxGathered).ToArray();
            for (var i = 0; i < claims.Length; i++)
                _gathered.Dequeue();
            _isAsking = claims.Length > 0;
            return claims;
        }
    }

    private bool IsLikeTheFirst(GatheredClaim claim) =>
        _gathered.Peek() is var first && ReferenceEquals(claim.Terms, first.Terms) && IsLate(claim) == IsLate(first);

    // Where claims come faster than the store answers none must wait for longer and longer.
    private bool IsLate(GatheredClaim claim) => _time.GetElapsedTime(claim.AskedAt) >= _redis.Timeout;

    /// <summary>An answer for each claim; never fails.</summary>
    private async Task<Answer[]> AnswersAsync(GatheredClaim[] claims)
    {
        if (claims.Length == 0)
            return [];
        if (IsLate(claims[0]))
        {
            _metrics.StoreError("claim");
            return Failed(claims, new StoreUnavailableException("The store is too slow for all claims."));
        }

        try
        {
            var replies = await AskAsync(claims[0].Terms, Array.ConvertAll(claims, c => c.Request));
            return Array.ConvertAll(replies, AnswerOf);
        }
        catch (Exception e)
        {
            return Failed(claims, e);
        }
    }

    // An exception of its own for everybody who throws it.
    private static Answer[] Failed(GatheredClaim[] claims, Exception error) =>
        Array.ConvertAll(claims, _ => new Answer(default, new StoreUnavailableException(error.Message, error)));

    private async Task<RedisResult[]> AskAsync(ClaimTerms terms, ClaimRequest[] claims)
    {
        var replies = (RedisResult[])(await RunAsync(
            "claim", ClaimScript, Keys(Array.ConvertAll(claims, c => c.Key)), Values(Arguments(terms), claims)))!;
        return replies.Length == claims.Length
            ? replies
            : throw new StoreUnavailableException("The store did not answer each claim.");
    }

    private Answer AnswerOf(RedisResult reply)
    {
        try
        {
            return new Answer(Read(reply), null);
        }
        catch (Exception e)
        {
            return new Answer(default, _redis.Failed("claim", e));
        }
    }

    private RedisValue[] Values(ArgumentCache shared, ClaimRequest[] claims)
    {
        var terms = shared.Terms;
        ReadOnlySpan<RedisValue> ofAll =
        [
            shared.Generation, shared.RunIds, shared.Ttl, Now, terms.Newest,
            terms.Top, terms.Final, terms.RaiseTo, terms.Cut, shared.MaxDeferral, shared.MaxWait, shared.MaxHold,
            shared.Replicas, terms.NextReplica, shared.Revoked, terms.UnknownEnds, terms.UnknownWaits,
            terms.GenerationAcknowledged, terms.Lowest, shared.UnknownTtl, shared.Code,
        ];
        var values = new RedisValue[ofAll.Length + ClaimSize * claims.Length];
        ofAll.CopyTo(values);
        for (var i = 0; i < claims.Length; i++)
        {
            var claim = claims[i];
            var own = values.AsSpan(ofAll.Length + ClaimSize * i);
            own[0] = claim.Lease.ToString();
            own[1] = claim.Draw;
            own[2] = (claim.Must ? 1 : 0) + (claim.MayRaise ? 2 : 0) + (claim.Hold ? 4 : 0);
            own[3] = claim.Former?.ToString() ?? "";
        }

        return values;
    }

    /// <summary>What is to be said to who asked.</summary>
    private readonly record struct Answer(ClaimReply Reply, StoreUnavailableException? Error);

    /// <summary>A claim that waits for its call. Who asked goes on where it is answered.</summary>
    private sealed class GatheredClaim(ClaimTerms terms, ClaimRequest request, long askedAt)
        : TaskCompletionSource<ClaimReply>
    {
        public ClaimTerms Terms { get; } = terms;

        public ClaimRequest Request { get; } = request;

        public long AskedAt { get; } = askedAt;

        public void Set(Answer answer)
        {
            if (answer.Error is { } error)
                SetException(error);
            else
                SetResult(answer.Reply);
        }
    }
}
