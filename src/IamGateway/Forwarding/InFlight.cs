namespace IamGateway.Forwarding;

/// <summary>
/// Every request that an instance may be working on for this replica. A request is added before it reads the routing
/// state, so whoever publishes a state and then looks here sees all that was decided under an earlier one.
/// </summary>
internal sealed class InFlight
{
    private readonly Stripe[] _stripes;

    public InFlight()
    {
        _stripes = new Stripe[Math.Max(1, Environment.ProcessorCount)];
        for (var i = 0; i < _stripes.Length; i++)
            _stripes[i] = new Stripe(first: i + 1);
    }

    public GatewayRequest Add()
    {
        var index = Thread.GetCurrentProcessorId() % _stripes.Length;
        var stripe = _stripes[index];
        lock (stripe.Lock)
        {
            var request = new GatewayRequest(stripe.NextNumber) { Stripe = index };
            stripe.NextNumber += _stripes.Length;
            request.Next = stripe.First;
            stripe.First?.Previous = request;
            stripe.First = request;
            stripe.Count++;
            return request;
        }
    }

    public void Remove(GatewayRequest request)
    {
        var stripe = _stripes[request.Stripe];
        lock (stripe.Lock)
        {
            if (request.Previous is { } previous)
                previous.Next = request.Next;
            else if (stripe.First == request)
                stripe.First = request.Next;
            else
                return;
            request.Next?.Previous = request.Previous;
            request.Next = null;
            request.Previous = null;
            stripe.Count--;
        }
    }

    public int Count => _stripes.Sum(s => s.Count);

    public List<GatewayRequest> Snapshot()
    {
        var all = new List<GatewayRequest>();
        foreach (var stripe in _stripes)
        {
            lock (stripe.Lock)
            {
                for (var r = stripe.First; r is not null; r = r.Next)
                    all.Add(r);
            }
        }

        return all;
    }

    // A processor has its own, with numbers of its own.
    private sealed class Stripe(long first)
    {
        public Lock Lock { get; } = new();

        public long NextNumber { get; set; } = first;

        public GatewayRequest? First { get; set; }

        public int Count { get; set; }
    }
}
