using System.Security.Cryptography;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using StackExchange.Redis;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>
/// An instance of OpenIddict in this process: codes, refresh tokens, access tokens by reference, authorizations, pushed
/// requests and browser sessions are records in Redis.
/// </summary>
internal sealed class OpenIddictProvider : IOidcProvider
{
    // Of all instances, as in a cluster.
    private static readonly ECDsaSecurityKey Signing = new(ECDsa.Create(ECCurve.NamedCurves.nistP256));
    private static readonly SymmetricSecurityKey Encryption = new(RandomNumberGenerator.GetBytes(32));
    private static readonly EphemeralDataProtectionProvider Cookies = new();

    private readonly WebApplication _app;
    private readonly ConnectionMultiplexer _redis;
    private readonly VersionedRecords _records;
    private int _requests;
    private int _serverErrors;

    private OpenIddictProvider(string version, ConnectionMultiplexer redis, string prefix)
    {
        Version = version;
        _redis = redis;
        _records = new VersionedRecords(redis.GetDatabase(), prefix, version);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        // Longer than any pause of a client's connection pool, so that no request meets a connection that is closing.
        builder.WebHost.ConfigureKestrel(k => k.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(5));
        builder.Services.AddLogging(l => l.SetMinimumLevel(LogLevel.None));
        builder.Services.AddRouting();
        AddSessions(builder.Services);
        AddOpenIddict(builder.Services);
        _app = builder.Build();
        _app.Use(AnswerAsync);
        _app.UseAuthentication();
        OpenIddictPages.Map(_app);
    }

    public string Version { get; }

    public Uri Address { get; private set; } = null!;

    public static async Task<IOidcProvider> StartAsync(string version, int redisPort, string prefix)
    {
        var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redisPort}");
        var provider = new OpenIddictProvider(version, redis, prefix);
        await using (var scope = provider._app.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(Client());
        }

        await provider._app.StartAsync();
        provider.Address = new Uri(provider._app.Urls.First());
        return provider;
    }

    private static OpenIddictApplicationDescriptor Client() => new()
    {
        ClientId = "rp",
        ClientSecret = "secret-of-the-relying-party",
        ClientType = OpenIddictConstants.ClientTypes.Confidential,
        RedirectUris = { new Uri("http://rp.example.test/callback") },
        PostLogoutRedirectUris = { new Uri("http://rp.example.test/bye") },
    };

    private void AddSessions(IServiceCollection services)
    {
        services.AddSingleton<IDataProtectionProvider>(Cookies);
        services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(cookie =>
        {
            cookie.Cookie.Name = "_session";
            cookie.LoginPath = "/login";
            cookie.SessionStore = new SessionTickets(_records);
        });
    }

    private void AddOpenIddict(IServiceCollection services)
    {
        services.AddSingleton(RecordStore.Over<IOpenIddictApplicationStore<StoredRecord>>(new OwnRecords()));
        services.AddSingleton(RecordStore.Over<IOpenIddictScopeStore<StoredRecord>>(new OwnRecords()));
        services.AddSingleton(RecordStore.Over<IOpenIddictAuthorizationStore<StoredRecord>>(
            new SharedRecords(_records, "authorization")));
        services.AddSingleton(RecordStore.Over<IOpenIddictTokenStore<StoredRecord>>(
            new SharedRecords(_records, "token")));
        services.AddOpenIddict()
            .AddCore(core => core
                .SetDefaultApplicationEntity<StoredRecord>().SetDefaultScopeEntity<StoredRecord>()
                .SetDefaultAuthorizationEntity<StoredRecord>().SetDefaultTokenEntity<StoredRecord>()
                .ReplaceApplicationManager<StoredRecord, PlainSecrets>().DisableEntityCaching())
            .AddServer(server =>
            {
                server.SetIssuer("http://op.example.test/")
                    .SetAuthorizationEndpointUris("auth").SetPushedAuthorizationEndpointUris("request")
                    .SetTokenEndpointUris("token").SetIntrospectionEndpointUris("token/introspection")
                    .SetRevocationEndpointUris("token/revocation").SetUserInfoEndpointUris("me")
                    .SetEndSessionEndpointUris("session/end")
                    .AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange().AllowRefreshTokenFlow()
                    .UseReferenceAccessTokens().UseReferenceRefreshTokens()
                    .RegisterScopes("openid", "offline_access")
                    .IgnoreEndpointPermissions().IgnoreGrantTypePermissions().IgnoreResponseTypePermissions()
                    .AddSigningKey(Signing).AddEncryptionKey(Encryption);
                server.UseAspNetCore().DisableTransportSecurityRequirement()
                    .EnableAuthorizationEndpointPassthrough().EnableEndSessionEndpointPassthrough();
            });
    }

    private async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        http.Response.Headers["X-IAM-Version"] = Version;
        _records.Enter($"{Address.Port}-{Interlocked.Increment(ref _requests)}");
        try
        {
            await next(http);
        }
        catch (RedisServerException e)
        {
            Interlocked.Increment(ref _serverErrors);
            http.Response.StatusCode = StatusCodes.Status500InternalServerError;
            await http.Response.WriteAsync(e.Message);
        }
    }

    public Task<OidcHealth> HealthAsync() =>
        Task.FromResult(new OidcHealth(Version, _requests, _serverErrors, _records.Unreadable));

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        await _redis.DisposeAsync();
    }
}
