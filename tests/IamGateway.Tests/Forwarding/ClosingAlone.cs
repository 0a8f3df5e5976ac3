namespace IamGateway.Tests.Forwarding;

/// <summary>Who is told to close has five seconds to answer, which a machine that tests share may not leave.</summary>
[CollectionDefinition(nameof(ClosingAlone), DisableParallelization = true)]
public sealed class ClosingAlone;
