namespace IamGateway.Routing;

/// <summary>
/// Where the cluster of replicas stands between two versions. Steady and Flush are lax, the others strict.
/// </summary>
internal enum RoutingPhase
{
    /// <summary>
    /// One active version; requests are routed without asking the store, names are recorded behind them.
    /// </summary>
    Steady,

    /// <summary>As Steady, but names and pins are in the store before the headers that hand them out leave.</summary>
    Flush,

    /// <summary>Every session request asks the store; nobody goes to the coming version yet.</summary>
    Prepare,

    /// <summary>
    /// Up to two versions take traffic; a pin below the top is proven by the store for every request.
    /// </summary>
    Active,

    /// <summary>Nothing goes to the lowest active version any more; its requests end.</summary>
    Closing,

    /// <summary>Nobody is raised to the newest version any more; then it is revoked.</summary>
    Revoking,
}
