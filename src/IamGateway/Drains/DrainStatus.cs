namespace IamGateway.Drains;

/// <summary>What is left on a draining instance, over all replicas.</summary>
/// <param name="InFlight">Requests that it may be working on.</param>
/// <param name="Connections">Those of them that are upgraded connections or streams of events.</param>
/// <param name="Sessions">Sessions that live there; null: they live on no particular instance, or are not counted
/// yet.</param>
/// <param name="IsEmpty">No session lives there, and none can come to.</param>
/// <param name="WaitingFor">
/// Replicas of which it is not known what they have there: they are silent, or have not applied the drain yet.
/// </param>
/// <param name="EstimatedEnd">When nothing will be left at the present pace; null: nobody can say.</param>
internal sealed record DrainStatus(
    int InFlight, int Connections, long? Sessions, bool IsEmpty, IReadOnlyList<string> WaitingFor,
    DateTimeOffset? EstimatedEnd)
{
    public bool IsQuiet => InFlight == 0 && Connections == 0 && WaitingFor.Count == 0;

    public bool IsDone => IsQuiet && IsEmpty;
}
