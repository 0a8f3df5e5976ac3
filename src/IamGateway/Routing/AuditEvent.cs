namespace IamGateway.Routing;

/// <summary>One line of the audit log.</summary>
/// <param name="Id">Its place in the log; pass it as <c>after</c> to read on.</param>
/// <param name="At">When.</param>
/// <param name="Who">The name of the API key, the subject of the token, or the replica.</param>
/// <param name="What">The command or change, for example weights.set.</param>
/// <param name="From">The value before.</param>
/// <param name="To">The value after.</param>
/// <param name="Result">ok, or the code of the refusal.</param>
/// <param name="Revision">The revision it led to.</param>
internal sealed record AuditEvent(
    string Id, DateTimeOffset At, string Who, string What, string? From, string? To, string Result, long Revision);
