using System.Text.Json;

namespace IamGateway.Tests.Admin;

/// <summary>What every answer of the admin API that is no success must look like.</summary>
internal static class Problem
{
    /// <summary>RFC 9457, with one sentence that holds the word.</summary>
    public static async Task<JsonElement> AssertAsync(HttpResponseMessage response, int status, string word)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode} {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.StartsWith("urn:iamgateway:problem:", problem.Text("type"), StringComparison.Ordinal);
        Assert.False(string.IsNullOrEmpty(problem.Text("code")));
        var detail = problem.Text("detail")!;
        Assert.Contains(word, detail, StringComparison.OrdinalIgnoreCase);
        Assert.EndsWith(".", detail, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', detail);
        return problem;
    }
}
