using System.Buffers.Text;
using System.Security.Cryptography;

namespace DemoIam;

/// <summary>What a name stands for; a code must not pass for a cookie.</summary>
public enum NameKind
{
    Cookie,
    Code,
    AccessToken,
    RefreshToken,
}

public enum TouchOutcome
{
    /// <summary>The state had the toucher's version.</summary>
    Current,

    /// <summary>The state was older and now has the toucher's version.</summary>
    Migrated,

    /// <summary>The state belongs to a newer version. Nothing was changed.</summary>
    TooNew,

    /// <summary>There is no such session (any more).</summary>
    Gone,
}

/// <summary>The stored state of one session as a touch left it.</summary>
public sealed record SessionSnapshot(string StateVersion, string? User, string Step, DateTimeOffset CreatedAt)
{
    public bool IsLoggedIn => User is not null && Step == Steps.Done;
}

/// <summary>Fields to set; null leaves a field alone.</summary>
public sealed record SessionChange(string? User = null, string? Step = null);

public sealed record TouchResult(TouchOutcome Outcome, SessionSnapshot? Session);

internal static class Steps
{
    public const string Login = "login";
    public const string Otp = "otp";
    public const string Done = "done";
}

internal static class Lifetimes
{
    public static readonly TimeSpan Session = TimeSpan.FromHours(12);

    /// <summary>Parallel tabs still carry the ID from before a rotation.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(10);

    public static readonly TimeSpan Code = TimeSpan.FromMinutes(5);
    public static readonly TimeSpan AccessToken = TimeSpan.FromMinutes(5);
}

internal static class Names
{
    /// <summary>128 random bits.</summary>
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
}

/// <summary>
/// Sessions outside the instances, shared by all versions. A session has one internal id (sid) for life; what clients
/// carry are names for it, and those change.
/// </summary>
public interface ISessionState
{
    ValueTask CreateAsync(string sid, StateVersion version);

    /// <summary>
    /// Checks the version, rewrites older state to <paramref name="version"/> and applies the change, all in one
    /// atomic step.
    /// </summary>
    ValueTask<TouchResult> TouchAsync(string sid, StateVersion version, SessionChange? change = null);

    ValueTask DeleteAsync(string sid);

    /// <summary>The sid of a living session; looks at no state, so it counts as no touch.</summary>
    ValueTask<string?> FindAsync(NameKind kind, string name);

    ValueTask AddNameAsync(NameKind kind, string name, string sid, TimeSpan lifetime);

    /// <summary>Makes a name end after the given time, unless it ends earlier anyway.</summary>
    ValueTask ExpireNameAsync(NameKind kind, string name, TimeSpan after);

    /// <summary>Removes a name; true for exactly one caller.</summary>
    ValueTask<bool> ConsumeNameAsync(NameKind kind, string name);
}
