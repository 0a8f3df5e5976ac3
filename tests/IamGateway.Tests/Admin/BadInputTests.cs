using System.Net;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Tests.Admin;

/// <summary>Every kind of bad input: one sentence that names the field, and nothing has changed.</summary>
public sealed class BadInputTests(AdminServer server) : IClassFixture<AdminServer>
{
    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("{", "not valid JSON")]
    [InlineData("""{"weights":{"8.2.1":100}} x""", "not valid JSON")]
    [InlineData("""{"weights":{"8.2.1":100,}}""", "not valid JSON")]
    [InlineData("""// no comment""", "not valid JSON")]
    [InlineData("null", "null")]
    [InlineData("[]", "the body")]
    [InlineData("7", "the body")]
    [InlineData("{}", "weights")]
    [InlineData("""{"weights":null}""", "weights")]
    [InlineData("""{"weights":[100]}""", "weights")]
    [InlineData("""{"weights":"8.2.1=100"}""", "weights")]
    [InlineData("""{"weight":{"8.2.1":100}}""", "weight is no field")]
    [InlineData("""{"weights":{"8.2.1":100},"comment":"x"}""", "comment")]
    [InlineData("""{"weights":{"8.2.1":100},"weights":{"8.3.0":100}}""", "weights is given twice")]
    [InlineData("""{"weights":{"8.2.1":100},"Weights":{"8.3.0":100}}""", "weights is given twice")]
    [InlineData("""{"weights":{"8.2.1":100,"8.2.1":0}}""", "twice")]
    [InlineData("""{"weights":{"8.2.1":50,"8.2.1+build":50}}""", "8.2.1+build is given twice")]
    [InlineData("""{"weights":{}}""", "100")]
    [InlineData("""{"weights":{"8.2.1":99}}""", "add up to 99")]
    [InlineData("""{"weights":{"8.2.1":60,"8.3.0":50}}""", "add up to 110")]
    [InlineData("""{"weights":{"8.2.1":110,"8.3.0":-10}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":100,"8.3.0":-1}}""", "weights.8.3.0")]
    [InlineData("""{"weights":{"8.2.1":101}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":99.5,"8.3.0":0.5}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":1e2}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":4294967396}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":"100"}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":true}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":null}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2.1":{"weight":100}}}""", "weights.8.2.1")]
    [InlineData("""{"weights":{"8.2":100}}""", "'8.2'")]
    [InlineData("""{"weights":{"v8.2.1":100}}""", "'v8.2.1'")]
    [InlineData("""{"weights":{"":100}}""", "SemVer")]
    [InlineData("""{"weights":{"8.2.1":90,"7.7.7":10}}""", "7.7.7")]
    public async Task Weights_BadBody_IsRefused(string body, string word)
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync("PUT", "/api/v1/weights", body);

        await Problem.AssertAsync(response, 400, word);
        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("seven")]
    [InlineData("\"seven\"")]
    [InlineData("\"\"")]
    [InlineData("\"-1\"")]
    [InlineData("\"1")]
    [InlineData("W/\"1\"")]
    [InlineData("\"1\" \"2\"")]
    [InlineData("\"99999999999999999999\"")]
    public async Task Weights_MalformedIfMatch_IsRefused(string ifMatch)
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync(
            "PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""", ifMatch: ifMatch);

        await Problem.AssertAsync(response, 400, "If-Match");
        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("\"0\"")]
    [InlineData("\"1000000\"")]
    public async Task Weights_IfMatchOfAnotherRevision_IsAFailedPrecondition(string ifMatch)
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync(
            "PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""", ifMatch: ifMatch);

        await Problem.AssertAsync(response, 412, "If-Match");
        Assert.Equal(before, await server.StateAsync());
    }

    [Fact]
    public async Task Weights_TwoNewVersionsAtOnce_AreRefused()
    {
        await using var own = await AdminServer.StartAsync();
        await own.OkAsync("PUT", "/api/v1/instances/a", $$"""{"address":"http://127.0.0.1:9","version":"9.0.0"}""");
        var before = await own.StateAsync();
        using var response = await own.SendAsync("PUT", "/api/v1/weights", """{"weights":{"8.3.0":50,"9.0.0":50}}""");

        await Problem.AssertAsync(response, 409, "two versions");
        Assert.Equal(before, await own.StateAsync());
    }

    [Fact]
    public async Task Weights_ThirdVersionBesideTwoActive_IsRefused()
    {
        await using var own = await AdminServer.StartAsync();
        await own.OkAsync("PUT", "/api/v1/instances/a", $$"""{"address":"http://127.0.0.1:9","version":"9.0.0"}""");
        await own.Gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        var before = await own.StateAsync();
        using var response = await own.SendAsync("PUT", "/api/v1/weights", """{"weights":{"8.3.0":50,"9.0.0":50}}""");

        await Problem.AssertAsync(response, 409, "8.2.1 and 8.3.0 are active");
        Assert.Equal(before, await own.StateAsync());
    }

    [Fact]
    public async Task Weights_VersionLowerThanTheActiveOne_IsRefused()
    {
        await using var own = await AdminServer.StartAsync(("IamGateway:Versions:Initial", "8.3.0"));
        var before = await own.StateAsync();
        using var response = await own.SendAsync("PUT", "/api/v1/weights", """{"weights":{"8.2.1":10,"8.3.0":90}}""");

        await Problem.AssertAsync(response, 409, "8.2.1 is lower than the active 8.3.0");
        Assert.Equal(before, await own.StateAsync());
    }

    [Fact]
    public async Task Weights_NewVersionWithoutUsableInstance_IsRefused()
    {
        await using var own = await AdminServer.StartAsync();
        await own.OkAsync("POST", "/api/v1/instances/new/drain");
        var before = await own.StateAsync();
        using var response = await own.SendAsync("PUT", "/api/v1/weights", """{"weights":{"8.2.1":90,"8.3.0":10}}""");

        await Problem.AssertAsync(response, 409, "8.3.0");
        Assert.Equal(before, await own.StateAsync());
    }

    [Theory]
    [InlineData("third", "{}", "address")]
    [InlineData("third", """{"address":null,"version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":7,"version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"10.0.0.1:8080","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"/iam","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"//10.0.0.1","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"ftp://10.0.0.1","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"file:///etc/passwd","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http://","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http:///iam","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http://10.0.0.1:99999","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http://user:password@10.0.0.1","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http://10.0.0.1/?a=b","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http://10.0.0.1/#a","version":"8.2.1"}""", "address")]
    [InlineData("third", """{"address":"http://10.0.0.1:8080"}""", "version")]
    [InlineData("third", """{"address":"http://10.0.0.1:8080","version":"8.2"}""", "version")]
    [InlineData("third", """{"address":"http://10.0.0.1:8080","version":""}""", "version")]
    [InlineData("third", """{"address":"http://10.0.0.1:8080","version":8}""", "version")]
    [InlineData("third", """{"address":"http://10.0.0.1:8080","version":"8.2.1","weight":1}""", "weight")]
    [InlineData("third", """{"address":"http://10.0.0.1","address":"http://10.0.0.2","version":"8.2.1"}""", "address")]
    [InlineData("a%20b", """{"address":"http://10.0.0.1:8080","version":"8.2.1"}""", "id")]
    [InlineData("a%22b", """{"address":"http://10.0.0.1:8080","version":"8.2.1"}""", "id")]
    [InlineData("%C3%A9", """{"address":"http://10.0.0.1:8080","version":"8.2.1"}""", "id")]
    public async Task Instance_BadBodyOrId_IsRefused(string id, string body, string word)
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync("PUT", $"/api/v1/instances/{id}", body);

        var problem = await Problem.AssertAsync(response, 400, word);
        Assert.DoesNotContain("password", problem.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(before, await server.StateAsync());
    }

    [Fact]
    public async Task Instance_IdTooLong_IsRefused()
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync(
            "PUT", $"/api/v1/instances/{new string('a', 65)}",
            """{"address":"http://10.0.0.1:8080","version":"8.2.1"}""");

        await Problem.AssertAsync(response, 400, "id");
        Assert.Equal(before, await server.StateAsync());
    }

    [Fact]
    public async Task Instance_AddressOfAnother_IsRefused()
    {
        var before = await server.StateAsync();
        var address = new UriBuilder(server.AddressOf("old")) { Scheme = "HTTP" };
        using var response = await server.SendAsync(
            "PUT", "/api/v1/instances/third", $$"""{"address":"{{address}}","version":"8.2.1"}""");

        await Problem.AssertAsync(response, 409, "'old'");
        Assert.Equal(before, await server.StateAsync());
    }

    /// <summary>Fault: a PUT to OLD silently gave the instance "old" another address.</summary>
    [Fact]
    public async Task Instance_IdThatDiffersFromAnotherInCaseOnly_IsRefused()
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync(
            "PUT", "/api/v1/instances/OLD", """{"address":"http://10.0.0.1:8080","version":"8.2.1"}""");

        await Problem.AssertAsync(response, 409, "'old'");
        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("{}", "handle")]
    [InlineData("""{"handle":""}""", "handle")]
    [InlineData("""{"handle":null}""", "handle")]
    [InlineData("""{"handle":7}""", "handle")]
    [InlineData("""{"handle":"secret-cookie","rule":"session"}""", "rule")]
    [InlineData("""{"handle":"secret-cookie" """, "not valid JSON")]
    public async Task Lookup_BadBody_IsRefusedWithoutRepeatingTheHandle(string body, string word)
    {
        using var response = await server.SendAsync("POST", "/api/v1/sessions/lookup", body);

        var problem = await Problem.AssertAsync(response, 400, word);
        Assert.DoesNotContain("secret-cookie", problem.GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DELETE", "/api/v1/sessions/short", 400, "key")]
    [InlineData("DELETE", "/api/v1/sessions/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 400, "key")]
    [InlineData("DELETE", "/api/v1/sessions/00000000000000000000000000000000", 404, "key")]
    [InlineData("DELETE", "/api/v1/instances/nobody", 404, "'nobody'")]
    [InlineData("POST", "/api/v1/instances/nobody/drain", 404, "'nobody'")]
    [InlineData("POST", "/api/v1/instances/nobody/resume", 404, "'nobody'")]
    [InlineData("DELETE", "/api/v1/replicas/nobody", 404, "'nobody'")]
    [InlineData("POST", "/api/v1/versions/9.9.9/retire", 404, "'9.9.9'")]
    [InlineData("POST", "/api/v1/versions/latest/retire", 404, "'latest'")]
    [InlineData("POST", "/api/v1/versions/8.2.1/retire", 409, "8.2.1")]
    [InlineData("GET", "/api/v1/nothing", 404, "/api/v1/nothing")]
    [InlineData("GET", "/api/v1/upgrades", 404, "/api/v1/upgrades")]
    [InlineData("GET", "/api/v2/status", 404, "/api/v2/status")]
    [InlineData("GET", "/openapi/v2.json", 404, "/openapi/v2.json")]
    [InlineData("POST", "/api/v1/status", 405, "POST")]
    [InlineData("DELETE", "/api/v1/weights", 405, "DELETE")]
    [InlineData("PATCH", "/api/v1/instances/old", 405, "PATCH")]
    [InlineData("GET", "/api/v1/instances/old/drain", 405, "GET")]
    [InlineData("POST", "/health/ready", 405, "POST")]
    public async Task Call_ToWhatIsNotThere_IsRefused(string method, string path, int status, string word)
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync(method, path);

        await Problem.AssertAsync(response, status, word);
        Assert.True(status != 405 || response.Content.Headers.Allow.Count > 0);
        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""")]
    [InlineData("PUT", "/api/v1/instances/third", """{"address":"http://10.0.0.1:8080","version":"8.2.1"}""")]
    [InlineData("POST", "/api/v1/sessions/lookup", """{"handle":"a"}""")]
    [InlineData("POST", "/api/v1/versions/8.3.0/revoke", """{"confirm":"8.3.0"}""")]
    public async Task Body_OfAnotherMediaTypeOrNone_IsRefused(string method, string path, string body)
    {
        var before = await server.StateAsync();
        foreach (var mediaType in (string[])["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
        {
            using var response = await server.SendAsync(method, path, body, mediaType: mediaType);
            await Problem.AssertAsync(response, 415, "application/json");
        }

        using var without = await server.SendAsync(method, path);
        await Problem.AssertAsync(without, 415, "application/json");
        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("PUT", "/api/v1/weights")]
    [InlineData("PUT", "/api/v1/instances/third")]
    [InlineData("POST", "/api/v1/sessions/lookup")]
    public async Task Body_TooLarge_IsRefusedByItsLengthAlone(string method, string path)
    {
        var before = await server.StateAsync();
        using var response = await RawAsync(
            $"{method} {path} HTTP/1.1\r\nHost: admin\r\nX-Api-Key: {Servers.Gateway.Key}\r\n"
            + "Content-Type: application/json\r\nContent-Length: 300000\r\n\r\n{");

        await Problem.AssertAsync(response, 413, "262144");
        Assert.Equal(before, await server.StateAsync());
    }

    [Fact]
    public async Task Body_TooLargeInChunks_IsRefusedWhenItGetsThere()
    {
        var before = await server.StateAsync();
        using var response = await RawAsync(
            $"PUT /api/v1/weights HTTP/1.1\r\nHost: admin\r\nX-Api-Key: {Servers.Gateway.Key}\r\n"
            + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "41000\r\n" + new string(' ', 0x41000) + "\r\n");

        await Problem.AssertAsync(response, 413, "262144");
        Assert.Equal(before, await server.StateAsync());
    }

    [Fact]
    public async Task Body_NestedDeeply_IsRefused()
    {
        var before = await server.StateAsync();
        using var response = await server.SendAsync(
            "PUT", "/api/v1/weights", """{"weights":{"8.2.1":""" + new string('[', 10_000));

        await Problem.AssertAsync(response, 400, "JSON");
        Assert.Equal(before, await server.StateAsync());
    }

    // A client that has announced more than it sends: HttpClient would wait or fail before it reads the answer.
    private async Task<HttpResponseMessage> RawAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Gateway.AdminAddress.Host, server.Gateway.AdminAddress.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(client.GetStream());
        var status = (await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20)))!.Split(' ')[1];
        var response = new HttpResponseMessage((HttpStatusCode)int.Parse(status));
        var type = "";
        while (await reader.ReadLineAsync() is { Length: > 0 } header)
        {
            if (header.StartsWith("Content-Type:", StringComparison.OrdinalIgnoreCase))
                type = header[13..].Trim();
        }

        var text = new StringBuilder();
        while (!text.ToString().Contains('}') && await reader.ReadLineAsync() is { } line)
            text.Append(line);
        var body = text.ToString();
        response.Content = new StringContent(body[body.IndexOf('{')..(body.LastIndexOf('}') + 1)], Encoding.UTF8, type);
        return response;
    }
}
