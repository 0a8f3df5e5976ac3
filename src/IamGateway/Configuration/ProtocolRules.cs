namespace IamGateway.Configuration;

/// <summary>
/// The rules that the guarantee rests on. Each can be switched off in a test, which must then see the guarantee broken;
/// a judge that never found anything is not trusted. Refused outside the environment Test.
/// </summary>
internal enum ProtocolRule
{
    /// <summary>A session moves only when none of its requests is at work below.</summary>
    Barrier,

    /// <summary>A version is activated only when every replica has acknowledged the steps before.</summary>
    Acknowledgement,

    /// <summary>What is in flight when a version is prepared gets a lease.</summary>
    InFlightLease,

    /// <summary>A name is in the store before the headers that hand it out leave.</summary>
    NamesFirst,

    /// <summary>A remembered final pin ends when a higher version is prepared.</summary>
    StaleFinal,

    /// <summary>A request cut off by the client keeps its lease for RequestTimeout.</summary>
    CutOff,

    /// <summary>The request that begins a session holds a lease until its response ends.</summary>
    NewSessionLease,

    /// <summary>Claims of another store generation prove nothing.</summary>
    Generation,

    /// <summary>A version is retired only when nothing of it is at work on any replica.</summary>
    Closing,

    /// <summary>A name that this replica did not see issued is not taken for a record.</summary>
    GuessedNames,

    /// <summary>A lease is shared only by requests of the view that it was taken under.</summary>
    SharedLease,
}

/// <summary>The section <c>IamGateway:TestOnly</c>.</summary>
internal sealed class TestOnlyOptions
{
    public List<ProtocolRule> DisabledRules { get; set; } = [];

    /// <summary>
    /// Leases are kept for the next requests of their sessions, for so long, however seldom the store is asked.
    /// </summary>
    public TimeSpan? LeasesKeptFor { get; set; }

    public bool IsOff(ProtocolRule rule) => DisabledRules.Contains(rule);
}
