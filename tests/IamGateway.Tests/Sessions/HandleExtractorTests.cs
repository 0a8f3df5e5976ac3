using System.Buffers.Text;
using System.Text;
using CsCheck;
using IamGateway.Sessions;

namespace IamGateway.Tests.Sessions;

public sealed class HandleExtractorTests
{
    [Theory]
    [InlineData("Jwt:sid")]
    [InlineData("Part:.:0")]
    [InlineData("Part:::2")]
    [InlineData("SignedRoute")]
    public void TryParse_KnownForm_Accepts(string text) => Assert.True(HandleExtractor.TryParse(text, out _));

    [Theory]
    [InlineData("")]
    [InlineData("Jwt:")]
    [InlineData("jwt:sid")]
    [InlineData("Part:")]
    [InlineData("Part:.")]
    [InlineData("Part:.:")]
    [InlineData("Part:.:x")]
    [InlineData("Part:.:-1")]
    [InlineData("Part:..:1")]
    [InlineData("SignedRoute:1")]
    public void TryParse_UnknownForm_Refuses(string text) => Assert.False(HandleExtractor.TryParse(text, out _));

    [Theory]
    [InlineData("Part:.:0", "id.node1", "id")]
    [InlineData("Part:.:1", "id.node1", "node1")]
    [InlineData("Part:::2", "a:b:c", "c")]
    [InlineData("Part:.:0", "id", "id")]
    public void TryExtract_Part_IsFound(string form, string value, string expected) =>
        Assert.Equal(expected, Extract(form, value));

    [Theory]
    [InlineData("Part:.:1", "id")]
    [InlineData("Part:.:0", ".node1")]
    [InlineData("Part:.:1", "id.")]
    [InlineData("Jwt:sid", "opaque")]
    [InlineData("Jwt:sid", "a.b")]
    [InlineData("Jwt:sid", "a.!!!.c")]
    [InlineData("Jwt:sid", "a..c")]
    public void TryExtract_ValueOfAnotherForm_CarriesNoHandle(string form, string value) =>
        Assert.Null(Extract(form, value));

    [Theory]
    [InlineData("""{"sid":"s1"}""", "s1")]
    [InlineData("""{"a":{"sid":"no"},"sid":"s1"}""", "s1")]
    [InlineData("""{"sub":"s1"}""", null)]
    [InlineData("""{"sid":1}""", null)]
    [InlineData("""{"sid":null}""", null)]
    [InlineData("""{"sid":""}""", null)]
    [InlineData("""["sid"]""", null)]
    [InlineData("\"sid\"", null)]
    [InlineData("{", null)]
    public void TryExtract_JwtClaim_IsReadFromThePayload(string payload, string? expected) =>
        Assert.Equal(expected, Extract("Jwt:sid", Jwt(Encoding.UTF8.GetBytes(payload))));

    [Fact]
    public void TryExtract_JwtOfManyNestedArrays_CarriesNoHandle() =>
        Assert.Null(Extract("Jwt:sid", Jwt(Encoding.UTF8.GetBytes(new string('[', 5000)))));

    [Fact]
    public void TryExtract_HugeToken_IsNotLookedInto() =>
        Assert.Null(
            Extract("Jwt:sid", Jwt(Encoding.UTF8.GetBytes($$"""{"p":"{{new string('x', 20_000)}}","sid":"s1"}"""))));

    [Fact]
    public void TryExtract_ClaimWithBytesThatAreNoText_CarriesNoHandleInsteadOfFailingTheRequest()
    {
        Assert.Null(Extract("Jwt:sid", Jwt([.. "{\"sid\":\""u8, 0xff, 0xfe, .. "\"}"u8])));
        Assert.Null(Extract("Jwt:sid", Jwt("""{"sid":"\ud800"}"""u8.ToArray())));
        Assert.Null(Extract("Jwt:sid", Jwt("""{"\ud800":"x","sid\ud800":"s1"}"""u8.ToArray())));
    }

    [Fact]
    public void TryExtract_SignedRoute_OldAndNewFormAgreeOnTheId()
    {
        const string Id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        var signed = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Id + ".c2lnbmF0dXJl"));

        Assert.Equal(Id, Extract("SignedRoute", $"{Id}.node1"));
        Assert.Equal(Id, Extract("SignedRoute", $"{signed}.node1"));
        Assert.Equal(Id, Extract("SignedRoute", signed));
    }

    [Fact]
    public void TryExtract_AnyText_NeverThrows()
    {
        string[] forms = ["Jwt:sid", "Part:.:0", "Part:.:3", "SignedRoute"];
        TextGen.Hostile(".:=-_{}\"").Sample(text => Array.ForEach(forms, f => Extract(f, text)), iter: 5000);
    }

    [Fact]
    public void TryExtract_JwtOfAnyPayload_NeverThrows()
    {
        var bytes = Gen.OneOf(
            Gen.Byte.Array[0, 60],
            Gen.Byte.Array[0, 20].Select(b => (byte[])[.. "{\"sid\":\""u8, .. b, .. "\"}"u8]),
            Gen.Byte.Array[0, 20].Select(b => (byte[])[.. "{\"sid\":\"\\u"u8, .. b, .. "\"}"u8]));
        bytes.Sample(b => { Extract("Jwt:sid", Jwt(b)); }, iter: 10_000);
    }

    private static string Jwt(byte[] payload) => $"e30.{Base64Url.EncodeToString(payload)}.c2ln";

    private static string? Extract(string form, string value)
    {
        Assert.True(HandleExtractor.TryParse(form, out var extractor));
        if (extractor!.TryExtract(value, out var name))
            return name;
        return null;
    }
}
