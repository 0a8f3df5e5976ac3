namespace IamGateway.Instances;

/// <summary>A connection leads to another version than it was opened for; nothing was sent on it.</summary>
internal sealed class VersionMismatchException(string message) : IOException(message);
