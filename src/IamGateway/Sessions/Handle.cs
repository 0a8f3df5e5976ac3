namespace IamGateway.Sessions;

/// <summary>A name by which a request refers to its session.</summary>
/// <param name="Key">Its keyed hash.</param>
/// <param name="Rule">The index of the rule that found it.</param>
internal readonly record struct Handle(SessionKey Key, int Rule);
