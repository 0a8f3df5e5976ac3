using System.Net;
using System.Text;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>Goes through the pages of <see cref="OpenIddictPages"/>.</summary>
internal sealed class OpenIddictUser(OidcUserArguments arguments) : OidcUser(arguments)
{
    protected override HttpStatusCode Redirects => HttpStatusCode.Found;

    protected override async Task<string> LogInAsync(string authorize)
    {
        var login = await BrowseAsync(authorize, null, Redirects);
        await ReadAsync(login);
        var consent = await BrowseAsync(login, Form(("login", Name)), Redirects);
        await ReadAsync(consent);
        var (path, query) = (consent.Split('?')[0], consent.Split('?')[1]);
        return await BrowseAsync(path, new StringContent(query, Encoding.ASCII), Redirects);
    }

    protected override async Task LogOutAsync(string idToken)
    {
        // The relying party's page posts it, and then the provider's own page does.
        await BrowseAsync("/session/end", LogOut(), HttpStatusCode.OK, isFromOtherSite: true);
        await BrowseAsync("/session/end", LogOut(), Redirects);

        FormUrlEncodedContent LogOut() =>
            Form(("id_token_hint", idToken), ("post_logout_redirect_uri", "http://rp.example.test/bye"));
    }
}
