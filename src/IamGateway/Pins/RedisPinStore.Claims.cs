using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// Claims. While one is under way those that come meanwhile gather, and go together in the next call: both sides pay
/// for a call and little for what is in it. Redis carries them out one after the other, as if each had come alone.
/// </summary>
internal sealed partial class RedisPinStore
{
    private const int MaxGathered = 100;
    private const int TermsCount = 21;
    private const int ClaimSize = 4;
    private readonly Lock _claims = new();
    private readonly Queue<GatheredClaim> _gathered = new();
    private bool _isAsking;

    public ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request)
    {
        // Its keys lie in different slots.
        if (_redis.IsCluster)
            return AskAloneAsync(terms, request);
        lock (_claims)
        {
            if (_isAsking)
            {
                var claim = new GatheredClaim(terms, request);
                _gathered.Enqueue(claim);
                return new ValueTask<ClaimReply>(claim.Task);
            }

            _isAsking = true;
        }

        return AskFirstAsync(terms, request);
    }

    private async ValueTask<ClaimReply> AskAloneAsync(ClaimTerms terms, ClaimRequest request) =>
        (await AskAsync(terms, [request]))[0];

    private async ValueTask<ClaimReply> AskFirstAsync(ClaimTerms terms, ClaimRequest request)
    {
        try
        {
            return await AskAloneAsync(terms, request);
        }
        catch (StoreUnavailableException e) when (!IsOfOneEntry(e))
        {
            FailGathered(e, 0);
            throw;
        }
        finally
        {
            _ = AskForGatheredAsync();
        }
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
            for (var i = 0; i < claims.Length; i++)
                claims[i].Set(answers[i]);
            claims = next;
        }
    }

    /// <summary>
    /// The next ones that go together: of one state, and not too many. None: nothing is under way now.
    /// </summary>
    private GatheredClaim[] Take()
    {
        lock (_claims)
        {
            var claims = _gathered.TakeWhile(c => ReferenceEquals(c.Terms, _gathered.Peek().Terms)).Take(MaxGathered)
                .ToArray();
            for (var i = 0; i < claims.Length; i++)
                _gathered.Dequeue();
            _isAsking = claims.Length > 0;
            return claims;
        }
    }

    /// <summary>An answer for each claim; never fails.</summary>
    private async Task<Answer[]> AnswersAsync(GatheredClaim[] claims)
    {
        if (claims.Length == 0)
            return [];
        try
        {
            var replies = await AskAsync(claims[0].Terms, Array.ConvertAll(claims, c => c.Request));
            return Array.ConvertAll(replies, r => new Answer(r, null));
        }
        catch (StoreUnavailableException e) when (IsOfOneEntry(e) && claims.Length > 1)
        {
            // What is wrong with one entry is nothing to the others. Those that were carried out are so again.
            var answers = new List<Answer>();
            foreach (var claim in claims)
                answers.AddRange(await AnswersAsync([claim]));
            return [.. answers];
        }
        catch (StoreUnavailableException e) when (!IsOfOneEntry(e))
        {
            FailGathered(e, claims.Length - 1);
            return Array.ConvertAll(claims, _ => Answer.Of(e));
        }
        catch (Exception e)
        {
            return Array.ConvertAll(claims, _ => new Answer(default, e));
        }
    }

    private static bool IsOfOneEntry(StoreUnavailableException e) =>
        e.InnerException is { } reason && !RedisConnection.IsAway(reason);

    /// <summary>
    /// Those that wait for a store that does not answer have waited as long as it may take. They count as failed calls
    /// with the ones that went along with the one that failed.
    /// </summary>
    private void FailGathered(StoreUnavailableException error, int along)
    {
        GatheredClaim[] gathered;
        lock (_claims)
        {
            gathered = [.. _gathered];
            _gathered.Clear();
        }

        _redis.AlsoFailed(gathered.Length + along);
        foreach (var claim in gathered)
            claim.Set(Answer.Of(error));
    }

    private async Task<ClaimReply[]> AskAsync(ClaimTerms terms, ClaimRequest[] claims)
    {
        var replies = (RedisResult[])(await RunAsync(
            "claim", ClaimScript, Keys(Array.ConvertAll(claims, c => c.Key)), Values(Arguments(terms), claims)))!;
        if (replies.Length != claims.Length)
            throw new StoreUnavailableException("The store did not answer each claim.");
        return Array.ConvertAll(replies, Read);
    }

    private RedisValue[] Values(ArgumentCache shared, ClaimRequest[] claims)
    {
        var terms = shared.Terms;
        var values = new RedisValue[TermsCount + ClaimSize * claims.Length];
        ReadOnlySpan<RedisValue> all =
        [
            shared.Generation, shared.RunIds, shared.Ttl, _time.GetUtcNow().ToUnixTimeMilliseconds(), terms.Newest,
            terms.Top, terms.Final, terms.RaiseTo, terms.Cut, shared.MaxDeferral, shared.MaxWait, shared.MaxHold,
            shared.Replicas, terms.NextReplica, shared.Revoked, terms.UnknownEnds, terms.UnknownWaits,
            terms.GenerationAcknowledged, terms.Lowest, shared.UnknownTtl, shared.Code,
        ];
        all.CopyTo(values);
        for (var i = 0; i < claims.Length; i++)
        {
            var claim = claims[i];
            var own = values.AsSpan(TermsCount + ClaimSize * i);
            own[0] = claim.Lease.ToString();
            own[1] = claim.Draw;
            own[2] = (claim.Must ? 1 : 0) + (claim.MayRaise ? 2 : 0) + (claim.Hold ? 4 : 0);
            own[3] = claim.Former?.ToString() ?? "";
        }

        return values;
    }

    /// <summary>What is to be said to who asked.</summary>
    private readonly record struct Answer(ClaimReply Reply, Exception? Error)
    {
        // One of its own for everybody who throws it.
        public static Answer Of(StoreUnavailableException error) =>
            new(default, new StoreUnavailableException(error.Message, error));
    }

    /// <summary>A claim that waits for its call; whoever asked goes on elsewhere.</summary>
    private sealed class GatheredClaim(ClaimTerms terms, ClaimRequest request)
        : TaskCompletionSource<ClaimReply>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public ClaimTerms Terms { get; } = terms;

        public ClaimRequest Request { get; } = request;

        public void Set(Answer answer)
        {
            if (answer.Error is { } error)
                SetException(error);
            else
                SetResult(answer.Reply);
        }
    }
}
