namespace Iamgw;

/// <summary>What the program ends with; README.md and --help list the same.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Refused = 1;
    public const int Usage = 2;
    public const int Unreachable = 3;
    public const int NotAuthorised = 4;
    public const int NotFound = 5;
    public const int RolloutTakenBack = 6;
    public const int NotDrained = 7;

    /// <summary>As shells have it: 128 and the number of SIGINT.</summary>
    public const int Interrupted = 130;

    public static IReadOnlyList<(int Code, string Meaning)> All { get; } =
    [
        (Ok, "done"),
        (Refused, "the gateway refused it, or a check failed"),
        (Usage, "the command line or a setting of it is wrong"),
        (Unreachable, "the gateway cannot be reached"),
        (NotAuthorised, "credentials are missing or wrong, or their role does not allow it"),
        (NotFound, "there is no such instance, session, rollout, replica or version"),
        (RolloutTakenBack, "the rollout that was watched ended as aborted or failed"),
        (NotDrained, "the instance was not drained in the time given"),
        (Interrupted, "interrupted by Ctrl-C; what the gateway does goes on"),
    ];
}
