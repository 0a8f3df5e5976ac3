using System.Net;
using System.Text.Json;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Affinity;

/// <summary>A browser with one cookie.</summary>
internal sealed class AffinityUser(AffinitySite site, string name, string? cookie = null)
{
    public string? Cookie { get; private set; } = cookie;

    public string Name => name;

    /// <summary>In three steps, with a new session cookie at each.</summary>
    public async Task LogInAsync(Gateway first, Gateway? second = null)
    {
        await OkAsync(first, HttpMethod.Get, "/login");
        await OkAsync(second ?? first, HttpMethod.Post, "/login", ("username", name), ("password", "demo"));
        await OkAsync(first, HttpMethod.Post, "/otp", ("code", "123456"));
    }

    public async Task LogOutAsync(Gateway gateway)
    {
        await OkAsync(gateway, HttpMethod.Post, "/logout");
        Assert.Null(Cookie);
    }

    /// <summary>The instance that answers; it must know who this is.</summary>
    public async Task<string> WhereAsync(Gateway gateway)
    {
        var me = JsonDocument.Parse(await OkAsync(gateway, HttpMethod.Get, "/api/me")).RootElement;
        Assert.Equal(name, me.Text("user"));
        return me.Text("instance")!;
    }

    public async Task<string> OkAsync(
        Gateway gateway, HttpMethod method, string path, params (string Name, string Value)[] form)
    {
        var (status, body, _) = await SendAsync(gateway, method, path, form);
        Assert.True(status == HttpStatusCode.OK, $"{name}: {method} {path} {(int)status} {body}");
        return body;
    }

    public async Task<(HttpStatusCode Status, string Body, string? Refusal)> SendAsync(
        Gateway gateway, HttpMethod method, string path, params (string Name, string Value)[] form)
    {
        using var request = new HttpRequestMessage(method, new Uri(gateway.Proxy, path));
        if (form.Length > 0)
            request.Content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        if (Cookie is not null)
            request.Headers.Add("Cookie", $"IAM_SESSION={Cookie}");
        using var response = await site.Http.SendAsync(request, CancellationToken.None);
        var body = await response.Content.ReadAsStringAsync();
        if (response.Headers.TryGetValues("Set-Cookie", out var cookies))
        {
            var value = cookies.Last(c => c.StartsWith("IAM_SESSION=", StringComparison.Ordinal))[12..].Split(';')[0];
            Cookie = value.Length == 0 ? null : value;
        }

        return (
            response.StatusCode, body,
            response.Headers.TryGetValues("X-IamGateway-Refusal", out var codes) ? codes.Single() : null);
    }
}
