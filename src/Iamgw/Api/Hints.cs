namespace Iamgw.Api;

/// <summary>The gateway tells what to send; this is how it is said on the command line.</summary>
internal static class Hints
{
    /// <summary>What follows the sentence of a problem or precondition of this name; often nothing.</summary>
    public static string For(string? name) => name switch
    {
        "last_instance" => " Here: --force.",
        "schema_upgraded" => " Here: --schema-upgraded.",
        "no_skipped_version" => " Here: --allow-skip.",
        "session_state_external" => " Here: --existing-sessions stay.",
        "replicas" or "replica_silent" => " Here: iamgw replicas, and iamgw replicas forget for a dead one.",
        _ => "",
    };
}
