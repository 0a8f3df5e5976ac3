using System.Globalization;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// The embedded store's entry: the same fields as the store's text form in <c>RedisPinStore.Scripts.cs</c>.
/// </summary>
internal sealed class SessionRecordState
{
    public SessionKey? AliasOf { get; init; }

    public int Pin { get; set; }

    public int Bucket { get; set; }

    public string Generation { get; set; } = "";

    /// <summary>When the session first was to move and could not.</summary>
    public DateTimeOffset? WaitingSince { get; set; }

    public List<LeaseId> Leases { get; set; } = [];

    /// <summary>Deleted with its last lease.</summary>
    public bool Ended { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>When it was last extended.</summary>
    public DateTimeOffset SeenAt { get; set; }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"pin {Pin} bucket {Bucket} leases {Leases.Count}");
}
