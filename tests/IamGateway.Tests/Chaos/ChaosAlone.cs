namespace IamGateway.Tests.Chaos;

/// <summary>Chaos takes the whole machine and is judged by time-outs, so nothing else runs beside it.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ChaosAlone
{
    public const string Name = "chaos";
}
