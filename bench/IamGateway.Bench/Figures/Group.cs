namespace IamGateway.Bench.Figures;

/// <summary>What was run against each other: the same load and connections. The first subject is bare YARP.</summary>
internal sealed record Group(string Load, int Connections, double OpenRate, List<Series> Subjects)
{
    public Series Base => Subjects[0];

    public Series? Find(string subject) => Subjects.Find(s => s.Subject == subject);
}
