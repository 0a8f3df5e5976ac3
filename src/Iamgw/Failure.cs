using Iamgw.Api;

namespace Iamgw;

/// <summary>Ends the command with a sentence for a person and a code for a script.</summary>
internal sealed class Failure(int exitCode, string message, Answer? answer = null) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>What the gateway sent.</summary>
    public Answer? Answer { get; } = answer;
}
