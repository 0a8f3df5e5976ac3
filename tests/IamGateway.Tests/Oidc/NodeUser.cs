using System.Net;
using System.Text.RegularExpressions;

namespace IamGateway.Tests.Oidc;

/// <summary>Goes through the pages that oidc-provider has for development.</summary>
internal sealed class NodeUser(OidcUserArguments arguments) : OidcUser(arguments)
{
    protected override HttpStatusCode Redirects => HttpStatusCode.SeeOther;

    protected override async Task<string> LogInAsync(string authorize)
    {
        var login = await BrowseAsync(authorize, null, Redirects);
        await ReadAsync(login);
        var resume = await BrowseAsync(login, Form(("prompt", "login"), ("login", Name)), Redirects);
        var consent = await BrowseAsync(resume, null, Redirects);
        await ReadAsync(consent);
        resume = await BrowseAsync(consent, Form(("prompt", "consent")), Redirects);
        return await BrowseAsync(resume, null, Redirects);
    }

    protected override async Task LogOutAsync(string idToken)
    {
        var page = await ReadAsync("/session/end?id_token_hint=" + idToken);
        var xsrf = Regex.Match(page, "name=\"xsrf\" value=\"([^\"]+)\"").Groups[1].Value;
        await BrowseAsync("/session/end/confirm", Form(("xsrf", xsrf), ("logout", "yes")), Redirects);
    }
}
