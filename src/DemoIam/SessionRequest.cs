namespace DemoIam;

internal sealed class StateTooNewException(string stateVersion) : Exception
{
    public string StateVersion { get; } = stateVersion;
}

/// <summary>
/// One request's work on its session: finds it, records begin and end, touches it. Nothing here looks at
/// RequestAborted: like a real IAM, the work goes on when the client has gone.
/// </summary>
internal sealed class SessionRequest(HttpContext context, DemoIamInstance instance)
{
    private const int LongestName = 128;

    private readonly ISessionState _state = instance.State;
    private string? _sid;
    private string? _cookie;
    private long _request;
    private bool _countedTooNew;

    public HttpContext Context => context;

    public DemoIamInstance Instance => instance;

    /// <summary>As of the last touch; null without a (known) session.</summary>
    public SessionSnapshot? Session { get; private set; }

    /// <summary>Whether this request rewrote the state to its version.</summary>
    public bool Migrated { get; private set; }

    public bool WantsHtml =>
        context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    /// <summary>Finds the session by a name, records the begin and touches the session, in this order.</summary>
    public async Task OpenAsync(NameKind kind, string? name)
    {
        if (string.IsNullOrEmpty(name) || name.Length > LongestName ||
            await _state.FindAsync(kind, name) is not { } sid)
            return;

        Begin(sid);
        if (kind == NameKind.Cookie)
            _cookie = name;
        await TouchAsync();
    }

    /// <summary>Touches again. A session deleted meanwhile leaves <see cref="Session"/> null.</summary>
    public async Task TouchAsync(SessionChange? change = null)
    {
        if (_sid is null)
            return;
        var result = await _state.TouchAsync(_sid, instance.StateVersion, change);
        Session = result.Session;
        Migrated |= result.Outcome == TouchOutcome.Migrated;
        if (result.Outcome != TouchOutcome.TooNew)
            return;

        if (!_countedTooNew)
            instance.CountOlderVersionRequest();
        _countedTooNew = true;
        if (instance.Options.OldVersionFails)
            throw new StateTooNewException(result.Session!.StateVersion);
    }

    public async Task CreateAsync()
    {
        Begin(Names.New());
        await _state.CreateAsync(_sid!, instance.StateVersion);
        await TouchAsync();
        await NewCookieAsync();
    }

    /// <summary>Gives the session a new ID; the one the client sent goes on working for the grace time.</summary>
    public async Task RotateAsync()
    {
        var old = _cookie;
        await NewCookieAsync();
        if (old is not null)
            await _state.ExpireNameAsync(NameKind.Cookie, old, Lifetimes.Grace);
    }

    public async Task<string> AddNameAsync(NameKind kind, TimeSpan lifetime)
    {
        var name = Names.New();
        await _state.AddNameAsync(kind, name, _sid!, lifetime);
        return name;
    }

    public ValueTask<bool> ConsumeNameAsync(NameKind kind, string name) => _state.ConsumeNameAsync(kind, name);

    public ValueTask ExpireNameAsync(NameKind kind, string name) =>
        _state.ExpireNameAsync(kind, name, Lifetimes.Grace);

    public async Task DeleteAsync()
    {
        if (_sid is not null)
            await _state.DeleteAsync(_sid);
        Session = null;
        var options = CookieOptions();
        options.MaxAge = TimeSpan.Zero;
        options.Expires = DateTimeOffset.UnixEpoch;
        context.Response.Cookies.Append(instance.Options.CookieName, "", options);
    }

    public void End()
    {
        if (_request != 0)
            Record(HistoryEntry.End);
        _request = 0;
    }

    private static CookieOptions CookieOptions() => new()
    {
        Path = "/",
        HttpOnly = true,
        SameSite = SameSiteMode.Lax,
    };

    private async Task NewCookieAsync()
    {
        _cookie = await AddNameAsync(NameKind.Cookie, Lifetimes.Session);
        context.Response.Cookies.Append(instance.Options.CookieName, _cookie, CookieOptions());
    }

    private void Begin(string sid)
    {
        // A request can hold a deleted session and then make a new one.
        End();
        _sid = sid;
        _request = instance.Recorder.NextRequest();
        Record(HistoryEntry.Begin);
    }

    private void Record(char kind) => instance.Recorder.Record(
        kind, _request, _sid!, instance.Version, instance.Name, context.Request.Path.Value ?? "/");
}
