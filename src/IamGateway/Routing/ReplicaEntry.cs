namespace IamGateway.Routing;

/// <summary>One registration: one process start of the gateway.</summary>
/// <param name="Id">Grows from registration to registration, with random gaps, so that two histories never share
/// one.</param>
/// <param name="Name">What errors and the API call it.</param>
/// <param name="AdminAddress">Host and admin port; a new process that binds it proves this one dead.</param>
/// <param name="StartedAt">When the process started.</param>
/// <param name="Acknowledged">The highest revision it has applied.</param>
/// <param name="Forgotten">It is dead or has left; it counts until RequestTimeout after that, because its last requests
/// do.</param>
internal sealed record ReplicaEntry(
    long Id, string Name, string AdminAddress, DateTimeOffset StartedAt, long Acknowledged, bool Forgotten);
