using System.Globalization;
using System.Net;

namespace DemoIam;

/// <summary>The HTML, small enough to need no template engine.</summary>
internal static class Pages
{
    public const string Style =
        """
        :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
        body { max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
        header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 2px solid #37c; }
        h1 { font-size: 1.4rem; margin: 0; }
        .version { background: #37c; color: #fff; border-radius: 1rem; padding: 0 .7rem; }
        form, table { margin: 1.5rem 0; }
        label { display: block; margin: .7rem 0; }
        input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem; }
        button { font: inherit; padding: .4rem 1.2rem; background: #37c; color: #fff; border: 0; border-radius: .3rem; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #8884; }
        .error { color: #c33; }
        nav a { margin-right: 1rem; }
        """;

    public static string Home(SessionRequest request)
    {
        var session = request.Session;
        var who = session switch
        {
            { IsLoggedIn: true } => $"Logged in as <strong>{Encode(session.User!)}</strong>.",
            { User: not null } => "One step to go: <a href=\"/otp\">enter the code</a>.",
            _ => "Not logged in.",
        };
        var account = session is { IsLoggedIn: true }
            ? "<a href=\"/logout\">Log out</a>"
            : "<a href=\"/login\">Log in</a>";
        var created = session?.CreatedAt.ToString("u", CultureInfo.InvariantCulture);
        return Page(request.Instance, "Demo IAM", $"""
            <p>{who}</p>
            <table>
            <tr><th>Instance</th><td>{Encode(request.Instance.Name)}</td></tr>
            <tr><th>Version</th><td>{Encode(request.Instance.Version)}</td></tr>
            <tr><th>Session state of version</th><td>{Encode(session?.StateVersion ?? "no session")}</td></tr>
            <tr><th>Migrated by this request</th><td>{(request.Migrated ? "yes" : "no")}</td></tr>
            <tr><th>Session since</th><td>{created ?? "no session"}</td></tr>
            </table>
            <nav>{account}<a href="/api/me">Me</a><a href="/rotate">Rotate ID</a><a href="/slow?ms=3000">Slow</a><a
            href="/stream?events=5&amp;ms=500">Stream</a></nav>
            """);
    }

    public static string Login(DemoIamInstance instance, string? error) => Page(instance, "Log in", $"""
        {Error(error)}
        <form method="post" action="/login">
        <label>User name <input name="username" autocomplete="username" required autofocus></label>
        <label>Password (it is "demo") <input name="password" type="password" required></label>
        <button>Log in</button>
        </form>
        """);

    public static string Otp(DemoIamInstance instance, string? error) => Page(instance, "Second factor", $"""
        {Error(error)}
        <form method="post" action="/otp">
        <label>Code (it is 123456) <input name="code" inputmode="numeric" autocomplete="one-time-code" required
        autofocus></label>
        <button>Continue</button>
        </form>
        """);

    private static string Error(string? error) => error is null ? "" : $"<p class=\"error\">{Encode(error)}</p>";

    private static string Page(DemoIamInstance instance, string title, string body) => $"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{title}</title>
        <style>
        {Style}
        </style>
        </head>
        <body>
        <header><h1>{title}</h1>
        <span class="version">{Encode(instance.Version)} · {Encode(instance.Name)}</span></header>
        {body}
        </body>
        </html>
        """;

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
