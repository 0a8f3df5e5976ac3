namespace IamGateway.Routing;

/// <summary>
/// The embedded store's sessions are named with another IamGateway:Store:HashKey, and nobody else can change that.
/// </summary>
internal sealed class HashKeyDiffersException(string message) : Exception(message);
