namespace IamGateway.WebConsole;

/// <param name="Source">What the login rests on: ApiKey or OpenIdConnect.</param>
/// <param name="Name">Whom the audit log names.</param>
/// <param name="Role">viewer, operator or admin.</param>
/// <param name="Expires">When it ends, in seconds since 1970.</param>
internal sealed record ConsoleIdentity(string Source, string Name, string Role, long Expires);
