namespace IamGateway.Routing;

/// <summary>A store generation that is over, and the last sequence of it that the present history knows.</summary>
internal sealed record GenerationEnd(string Tag, long Sequence);
