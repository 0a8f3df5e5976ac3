namespace IamGateway.Rollouts;

/// <summary>Where a rollout stands; the API calls it its state.</summary>
internal enum RolloutStatus
{
    /// <summary>Taken over from the operator; nothing has been changed yet.</summary>
    Checking,

    /// <summary>At one of its steps.</summary>
    Progressing,

    /// <summary>Stopped where it is, until somebody says how it goes on.</summary>
    Paused,

    /// <summary>All new sessions are on the new version; the old one's move up or end.</summary>
    Draining,

    /// <summary>The old version is retired.</summary>
    Completed,

    /// <summary>Somebody has taken it back.</summary>
    Aborted,

    /// <summary>The analysis has taken it back, or the state does not allow it any more.</summary>
    Failed,
}

/// <summary>What has to come before a rollout goes on by itself.</summary>
internal enum RolloutWait
{
    /// <summary>Somebody says so.</summary>
    Manual,

    /// <summary>The hold ends.</summary>
    Hold,

    /// <summary>There are enough requests to judge by.</summary>
    Requests,

    /// <summary>Every replica has applied the weights.</summary>
    Replicas,

    /// <summary>Every gate lets the next step pass.</summary>
    Gate,

    /// <summary>No session is left on the old version, or the deadline passes.</summary>
    Drain,
}

internal enum RolloutStepStatus
{
    Pending,
    Current,
    Done,
}

internal enum RolloutFailureAction
{
    Pause,
    Abort,
}
