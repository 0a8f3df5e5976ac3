namespace IamGateway.Routing;

/// <summary>The state file's sessions are named with another IamGateway:Store:HashKey, and nobody can change that.</summary>
internal sealed class HashKeyDiffersException(string message) : Exception(message);
