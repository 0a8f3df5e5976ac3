namespace IamGateway.Tests.Oidc;

/// <summary>A judge that has never found anything is not trusted.</summary>
public sealed class OidcHistoryTests
{
    [Theory]
    // One record, up and back.
    [InlineData(1, 1, 0, "8.2.1 r1 a", "8.3.0 r2 a")]
    [InlineData(1, 0, 1, "8.3.0 r1 a", "8.2.1 r2 a")]
    // A code and a token of one session, tied by the requests that make and redeem them.
    [InlineData(1, 1, 1, "8.2.1 r1 session", "8.2.1 r1 code", "8.3.0 r2 code", "8.3.0 r2 token", "8.2.1 r3 session")]
    // Two sessions at two versions.
    [InlineData(2, 0, 0, "8.2.1 r1 a", "8.3.0 r2 b", "8.2.1 r3 a")]
    // A pushed request and a session that began lower meet in a request at the higher version, and at the lower.
    [InlineData(1, 1, 0, "8.3.0 r1 pushed", "8.2.1 r2 session", "8.3.0 r3 session", "8.3.0 r3 pushed")]
    [InlineData(1, 0, 1, "8.3.0 r1 pushed", "8.2.1 r2 session", "8.2.1 r3 session", "8.2.1 r3 pushed")]
    public void History_SomeTouches_CountsSessionsThatMoved(
        int sessions, int migrated, int back, params string[] entries)
    {
        var history = new OidcHistory(entries);

        Assert.Equal((sessions, migrated, back), (history.Sessions, history.Migrated, history.Back));
    }
}
