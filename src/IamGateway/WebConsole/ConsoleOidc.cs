using System.Text.Encodings.Web;
using IamGateway.Admin;
using IamGateway.Configuration;
using IamGateway.Routing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace IamGateway.WebConsole;

/// <summary>
/// Log-in to the console at an OpenID provider: authorization code with PKCE, state and nonce. Whoever comes back with
/// a role gets the console's cookie; no token is kept.
/// </summary>
internal static partial class ConsoleOidc
{
    public const string Scheme = "OpenIdConnect";
    public const string Callback = "/api/v1/login/oidc/callback";

    public static void AddConsoleOidc(this AuthenticationBuilder authentication, OidcOptions oidc)
    {
        authentication.Services.AddSingleton<ConsoleProtection>(s => new ConsoleProtection(
            s.GetRequiredService<GatewaySettings>(), s.GetRequiredService<Replica>()));
        authentication.Services.AddOptions<OpenIdConnectOptions>(Scheme)
            .Configure<ConsoleProtection>((o, protection) => o.DataProtectionProvider = protection);
        authentication.AddOpenIdConnect(Scheme, o =>
        {
            o.Authority = oidc.Authority;
            o.ClientId = oidc.ClientId;
            o.ClientSecret = oidc.ClientSecret;
            o.RequireHttpsMetadata = oidc.Authority!.StartsWith("https:", StringComparison.Ordinal);
            o.CallbackPath = Callback;
            // Nobody else ends a login: the handler's own paths for that lead nowhere.
            o.RemoteSignOutPath = PathString.Empty;
            o.SignedOutCallbackPath = "/api/v1/login/oidc/signed-out";
            o.SignInScheme = ConsoleHandler.Name;
            o.ResponseType = OpenIdConnectResponseType.Code;
            // By GET, so that the cookies of state and nonce can be Lax.
            o.ResponseMode = OpenIdConnectResponseMode.Query;
            o.UsePkce = true;
            o.SaveTokens = false;
            o.GetClaimsFromUserInfoEndpoint = false;
            o.MapInboundClaims = false;
            o.TokenValidationParameters.RoleClaimType = oidc.RoleClaim!;
            o.TokenValidationParameters.NameClaimType = "sub";
            foreach (var scope in oidc.Scopes)
                o.Scope.Add(scope);
            foreach (var cookie in (CookieBuilder[])[o.CorrelationCookie, o.NonceCookie])
            {
                cookie.SameSite = SameSiteMode.Lax;
                cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            }

            // On the way out and back: it may have been exchanged since.
            o.Events.OnRedirectToIdentityProvider = UseSecret;
            o.Events.OnMessageReceived = UseSecret;
            o.Events.OnTicketReceived = ReceiveAsync;
            o.Events.OnRemoteFailure = FailAsync;
        });
    }

    /// <summary>GET /api/v1/login/oidc: off to the provider.</summary>
    public static async Task BeginAsync(HttpContext http, GatewaySettings settings)
    {
        if (settings.Options.Admin.Oidc is not { } oidc)
        {
            await AdminProblems.Of(
                404, "not_configured", "No OpenID provider is configured; set IamGateway:Admin:Oidc.")
                .ExecuteAsync(http);
            return;
        }

        try
        {
            await http.ChallengeAsync(Scheme, new AuthenticationProperties { RedirectUri = "/" });
        }
        catch (InvalidOperationException e)
        {
            Log.Unreachable(Logger(http), oidc.Authority!, e);
            await WritePageAsync(http, 502, "Your organisation's login does not answer; try again, or use an API key.");
        }
    }

    private static Task UseSecret(BaseContext<OpenIdConnectOptions> context)
    {
        context.Options.ClientSecret = context.HttpContext.RequestServices.GetRequiredService<GatewaySettings>()
            .Options.Admin.Oidc!.ClientSecret;
        return Task.CompletedTask;
    }

    // What the provider vouches for is not yet somebody who may do something here.
    private static Task ReceiveAsync(TicketReceivedContext context)
    {
        if (context.Principal is { } who && AdminAuthentication.Role(who) is not null)
            return Task.CompletedTask;
        context.HandleResponse();
        var claim = context.HttpContext.RequestServices.GetRequiredService<GatewaySettings>().Options.Admin.Oidc!
            .RoleClaim;
        return WritePageAsync(
            context.HttpContext, 403,
            "You are logged in at your organisation, but your account has none of the roles viewer, operator and admin "
            + $"here: its claim '{claim}' names none of them.");
    }

    private static Task FailAsync(RemoteFailureContext context)
    {
        context.HandleResponse();
        // The provider's words may come out of the address, so nothing of them may look like a line of its own.
        var reason = string.Concat((context.Failure?.Message ?? "").Where(c => !char.IsControl(c)).Take(300));
        Log.Failed(Logger(context.HttpContext), context.Failure?.GetType().Name ?? "", reason);
        return WritePageAsync(
            context.HttpContext, 401,
            "Your organisation's login did not succeed; try again, or use an API key. The gateway's log has the "
            + "reason.");
    }

    private static ILogger Logger(HttpContext http) =>
        http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ConsoleOidc).FullName!);

    private static Task WritePageAsync(HttpContext http, int status, string sentence)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.ContentSecurityPolicy = ConsolePipeline.PagePolicy;
        return http.Response.WriteAsync(
            $"""
            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <meta name="color-scheme" content="dark light">
              <title>Log in – IamGateway</title>
              <link rel="icon" href="/icon.svg" type="image/svg+xml">
              <link rel="stylesheet" href="/css/base.css">
              <link rel="stylesheet" href="/css/frame.css">
            </head>
            <body>
              <main class="login">
                <div class="card">
                  <h1>IamGateway</h1>
                  <p class="problem">{HtmlEncoder.Default.Encode(sentence)}</p>
                  <a class="button" href="/">Back to the login</a>
                </div>
              </main>
            </body>
            </html>

            """);
    }

    private static partial class Log
    {
        [LoggerMessage(
            8101, LogLevel.Warning,
            "A login at the OpenID provider did not succeed: '{Kind}', '{Reason}'.")]
        public static partial void Failed(ILogger logger, string kind, string reason);

        [LoggerMessage(8102, LogLevel.Error, "The OpenID provider '{Authority}' does not answer.")]
        public static partial void Unreachable(ILogger logger, string authority, Exception error);
    }
}
