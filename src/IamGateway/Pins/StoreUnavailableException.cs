namespace IamGateway.Pins;

/// <summary>The store did not carry out a call in time.</summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
